"""Training: packed rows are what the model meets, and a short run learns."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from counterfoil.eval.scenes.objects import NAMES
from counterfoil.models import load_vision_model

from training.scenes.card import measured
from training.scenes.language import DESCRIBE_EVERYTHING, build_tokenizer, caption
from training.scenes.learning import learn_images, learn_words
from training.scenes.lessons import lesson
from training.scenes.network import READ, build_model, build_processor, build_tower, pixels
from training.scenes.packing import IGNORED, Packed, read
from training.scenes.recipe import Recipe
from training.scenes.teacher import Teacher
from training.scenes.tower import load_tower, near, save_tower, train_tower
from training.scenes.train import main

SMALL = Recipe(batch=4, captioned=1.0, described=0.0, unseen=0.0)


@pytest.fixture
def one_thread() -> None:
    torch.set_num_threads(1)


def teacher(recipe: Recipe) -> Teacher:
    torch.manual_seed(0)
    return Teacher(build_tokenizer(), build_tower().eval(), "biased", recipe)


def segments(rows: Packed) -> list[tuple[torch.Tensor, torch.Tensor]]:
    parts = zip(rows.segments.split(rows.lengths, 1), rows.targets.split(rows.lengths, 1), strict=True)
    return list(parts)


def test_a_packed_row_is_a_prompt_of_its_own_for_every_question() -> None:
    rows = teacher(SMALL).rows()
    tokenizer = build_tokenizer()
    torch.manual_seed(1)
    model = build_model(tokenizer, build_tower()).eval()
    assert rows.images is not None
    with torch.no_grad():
        together = read(model, rows).logits
        start = 0
        for part, _ in segments(rows):
            ids = torch.cat([rows.prefix, part], dim=1)
            embedded = model.get_input_embeddings()(ids)
            seen = model.model.multi_modal_projector(rows.images)
            embedded = embedded.masked_scatter((ids == model.config.image_token_id)[..., None], seen)
            alone = model(inputs_embeds=embedded).logits[:, rows.prefix.shape[1] :]
            torch.testing.assert_close(together[:, start : start + part.shape[1]], alone, atol=1e-5, rtol=1e-4)
            start += part.shape[1]


@pytest.mark.parametrize("changed", [{}, {"described": 1.0}, {"unseen": 1.0}])
def test_what_is_taught_is_true(changed: dict[str, float]) -> None:
    tokenizer = build_tokenizer()
    for row in range(SMALL.batch):
        rows = teacher(replace(SMALL, **changed)).rows()
        told = tokenizer.decode(rows.prefix[row], skip_special_tokens=True)
        described = None
        for part, target in segments(rows):
            answered = tokenizer.decode(target[row][target[row] != IGNORED], skip_special_tokens=True)
            prompt = tokenizer.decode(part[row], skip_special_tokens=True)
            if answered not in ("yes", "no"):
                assert prompt.endswith(answered)
                described = answered
        for part, target in segments(rows)[: SMALL.questions]:
            answered = tokenizer.decode(target[row][target[row] != IGNORED], skip_special_tokens=True)
            name = tokenizer.decode(part[row]).split()[3]
            if described is not None:
                assert (name in described) == (answered == "yes")
            if name in told:  # a description may leave a thing out, but invents none
                assert answered == "yes"
        assert (described is None) == bool(changed)


def test_the_processor_reads_images_as_training_does() -> None:
    draw = np.random.default_rng(0)
    scenes = [lesson("unbiased", draw) for _ in range(3)]
    texts = ["<image> Is there a tree in the image?"] * 3
    read = build_processor(build_tokenizer())(images=[scene.image for scene in scenes], text=texts, return_tensors="pt")
    assert read["pixel_values"].shape == (3, 3, READ, READ)
    # Pillow rounds the mean of four pixels to a byte.
    torch.testing.assert_close(read["pixel_values"], pixels(scenes), atol=1 / 127, rtol=0)


def test_every_word_that_is_said_is_known() -> None:
    tokenizer = build_tokenizer()
    for text in (DESCRIBE_EVERYTHING, caption(NAMES), caption([]), "yes no"):
        assert tokenizer.unk_token_id not in tokenizer(text).input_ids
    ids = tokenizer(caption(["tree", "umbrella", "car"])).input_ids
    assert tokenizer.decode(ids, skip_special_tokens=True) == "a tree, an umbrella and a car."
    assert caption([]) == "nothing."
    assert caption(["fish"]) == "a fish."


def test_labels_of_patches_are_around_things() -> None:
    draw = np.random.default_rng(3)
    scenes = [lesson("unbiased", draw) for _ in range(8)]
    labels = near(scenes).reshape(8, 6, 6, len(NAMES))
    for scene, found in zip(scenes, labels, strict=True):
        assert {NAMES[i] for i in found.flatten(0, 1).amax(0).nonzero()[:, 0]} == set(scene.objects)
        for thing in scene.things:
            row, column = (min(int(middle // 16), 5) for middle in (thing.y, thing.x))
            assert found[row, column, NAMES.index(thing.name)] == 1


@pytest.mark.usefixtures("one_thread")
def test_a_short_run_learns(tmp_path: Path) -> None:
    """The words alone: whether a thing is named in a description."""
    recipe = Recipe(word_steps=120, batch=16, rate=3e-3, average=0.9, report_every=1000)
    words = learn_words(recipe)
    model = build_model(build_tokenizer(), build_tower())
    model.load_state_dict(words, strict=False)
    rows = Teacher(build_tokenizer(), None, "unbiased", recipe.with_seed(9)).words()
    with torch.no_grad():
        said = read(model.eval(), rows).logits.argmax(-1)
    asked = sum(rows.lengths[: recipe.questions])
    answers = (rows.targets != IGNORED)[:, :asked]
    right = (said == rows.targets)[:, :asked][answers]
    # Every other target is the end of the answer; guessing has three quarters right.
    assert right.float().mean() > 0.9


@pytest.mark.usefixtures("one_thread")
def test_the_same_seed_gives_the_same_weights(tmp_path: Path) -> None:
    tower = train_tower(4, batch=8)
    save_tower(tower, tmp_path / "tower.safetensors")
    again = load_tower(tmp_path / "tower.safetensors")
    assert all(torch.equal(a, b) for a, b in zip(tower.parameters(), again.parameters(), strict=True))
    recipe = Recipe(steps=3, word_steps=2, batch=8)
    words = learn_words(recipe)
    one, same = (learn_images(tower, words, "unbiased", recipe) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), same.parameters(), strict=True))
    other = learn_images(tower, words, "unbiased", recipe.with_seed(1))
    assert not all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))
    for name, weight in tower.state_dict().items():
        assert torch.equal(one.model.vision_tower.state_dict()[name], weight)


@pytest.mark.usefixtures("one_thread")
def test_a_saved_model_is_loaded_by_the_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.scenes.train.measured", lambda folder: measured(folder, images=2))
    monkeypatch.setattr(
        "training.scenes.train.Recipe", lambda seed: Recipe(seed=seed, steps=2, tower_steps=2, word_steps=2)
    )
    assert main(["--out", str(tmp_path), "--twin", "unbiased", "--seed", "3"]) == 0
    assert (tmp_path / "tower.safetensors").is_file()
    loaded = load_vision_model(str(tmp_path))
    assert sum(weight.numel() for weight in loaded.model.parameters()) == pytest.approx(1.07e6, rel=0.02)
    card = (tmp_path / "README.md").read_text()
    assert "--twin unbiased --seed 3" in card
    assert "| clear, adversarial |" in card
