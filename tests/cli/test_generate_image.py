"""`counterfoil generate --image`: every image method beside plain decoding, and what is refused in one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import counterfoil.models
import pytest
from click.testing import CliRunner
from counterfoil.cli.app import app
from counterfoil.models import ModelLoadError, VisionModel, load_vision_model

from tests.support.tiny_models import tiny_model
from tests.support.tiny_vision import images, tiny_vision


def run(*arguments: object) -> Any:
    return CliRunner().invoke(app, ["generate", *map(str, arguments)])


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("images") / "a.png"
    images([(60, 40)])[0].save(file)
    return file


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saved model, as people have them."""
    saved, tiny = tmp_path_factory.mktemp("llava"), tiny_vision("llava")
    tiny.model.save_pretrained(saved)
    tiny.processor.save_pretrained(saved)
    return saved


def asked(folder: Path, image: Path, *more: object) -> Any:
    return run("--image", image, "--question", "w10 w11", "--model", folder, "--max-new-tokens", "4", *more)


@pytest.mark.parametrize(
    ("arguments", "label", "view"),
    [
        (("ritual",), "ritual (strength 3, plausibility 0.1, normalize False)", "transform: vertical_flip\n"),
        (
            ("ritual", "--transform", "rotation", "--normalize"),
            "ritual (strength 3, plausibility 0.1, normalize True, transform rotation)",
            "transform: rotation (angle ",
        ),
        (("vcd", "--noise-step", "700", "--strength", "2"), "vcd (strength 2, plausibility 0.1, noise_step 700)", ""),
        (("code", "--k", "0.7"), "code (k 0.7)", "description: "),
        (("code", "--description", "w30 w31"), "code (k 0.3)", "description: w30 w31\n"),
        (
            ("m3id", "--gate", "1", "--offset", "10"),
            "m3id (decay 0.02, gate 1, plausibility 0, max_weight 10, offset 10)",
            "",
        ),
        (("ritual+vcd",), "ritual+vcd (noise_step 500)", "transform: "),
        (
            ("ritual+m3id", "--transform", "vertical_flip"),
            "ritual+m3id (transform vertical_flip, decay 0.02)",
            "transform: vertical_flip",
        ),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, tuple) else "",
)
def test_each_method_is_shown_beside_plain_decoding(
    arguments: tuple[str, ...], label: str, view: str, folder: Path, image: Path
) -> None:
    result = asked(folder, image, "--seed", 1, "--method", *arguments)
    assert result.exit_code == 0, result.output
    shown, plain = result.stdout.split("\n\nplain decoding\n")
    assert plain.strip()
    assert shown.startswith(view or label)
    assert label in shown


def test_json_says_what_was_asked_and_what_was_drawn(folder: Path, image: Path) -> None:
    first, again, other = (
        json.loads(asked(folder, image, "--method", "ritual", "--seed", seed, "--json").stdout) for seed in (3, 3, 6)
    )
    assert first == again
    assert first["views"] != other["views"]
    assert (first["image"], first["question"], first["seed"]) == (str(image), "w10 w11", 3)
    assert first["settings"] == {"strength": 3.0, "plausibility": 0.1, "normalize": False, "transform": None}
    assert first["sampling"] is None


def test_strength_zero_samples_what_plain_decoding_samples(folder: Path, image: Path) -> None:
    arguments = ("--method", "vcd", "--strength", "0", "--plausibility", "0", "--sample", "--temperature", "2")
    recorded = json.loads(asked(folder, image, *arguments, "--seed", 5, "--json").stdout)
    assert recorded["contrastive"] == recorded["plain"]
    assert recorded["sampling"] == {"temperature": 2.0, "top_p": 1.0, "seed": 5}


IMAGE = ("--image", __file__)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("ritual", "--prompt", "w10"), "--image is missing: ritual compares an image with a view of it"),
        (("ritual", "--question", "w10"), "--image is missing: it goes with --question"),
        (("ritual", *IMAGE), "--question is missing: it goes with --image"),
        (("ritual",), "--prompt is missing: give it, or --image and --question"),
        (("cad", *IMAGE, "--question", "w1", "--model", "m"), "--method has to be one of code, ritual, vcd, m3id"),
        (("none", *IMAGE, "--question", "w1", "--model", "m"), "--method has to be one of code, ritual, vcd, m3id"),
        (("vcd", *IMAGE, "--question", " ", "--model", "m"), "--question has to hold a word"),
        (("vcd", *IMAGE, "--question", "w1"), "--model is missing: name a vision-language model"),
        (("vcd", *IMAGE, "--question", "w1", "--prompt", "w2"), "--prompt has to be left out beside --image"),
        (("vcd", *IMAGE, "--question", "w1", "--contrast", "w2"), "--contrast has to be left out beside --image"),
        (("vcd", *IMAGE, "--question", "w1", "--chat"), "--chat has to be left out beside --image"),
        (("vcd", "--image", "none.png", "--question", "w1", "--model", "m"), "there is none at 'none.png'"),
        (
            ("vcd", *IMAGE, "--question", "w1", "--model", "m", "--max-new-tokens", "0"),
            "'--max-new-tokens': 0 is not",
        ),
        (("vcd", *IMAGE, "--question", "w1", "--model", "m", "--k", "1"), "--k has to be a parameter of vcd"),
        (("vcd", *IMAGE, "--question", "w1", "--model", "m", "--top-p", "0.5"), "--top-p goes with --sample"),
    ],
)
def test_what_cannot_be_served_is_said_in_one_line_before_a_model_is_loaded(
    arguments: tuple[str, ...], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for loader in ("load_language_model", "load_vision_model"):
        monkeypatch.setattr(counterfoil.models, loader, lambda *_: pytest.fail("a model was loaded"))
    result = run("--method", *arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert message in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_file_that_is_no_image_is_refused(folder: Path) -> None:
    result = asked(folder, Path(__file__), "--method", "vcd")
    assert result.exit_code == 2
    assert "cannot be read as one (cannot identify image file" in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_model_of_text_is_refused(tmp_path: Path, image: Path) -> None:
    tiny_model("llama").save_pretrained(tmp_path)
    tiny_vision("llava").processor.tokenizer.save_pretrained(tmp_path)
    result = asked(tmp_path, image, "--method", "vcd")
    assert result.exit_code == 2
    assert "could not be read (" in result.stderr
    assert "Traceback" not in result.stderr


def test_the_loaded_model_is_the_saved_one(folder: Path) -> None:
    loaded = load_vision_model(str(folder))
    assert isinstance(loaded, VisionModel)
    assert type(loaded.model).__name__ == "LlavaForConditionalGeneration"
    assert type(loaded.processor.image_processor).__name__ == "CLIPImageProcessorPil"
    with pytest.raises(ModelLoadError, match="Give the hub id or the folder of a model that reads images"):
        load_vision_model("/no/such/folder")
