"""The generator of scenes: reproducible, biased where it says so, and right about what it shows."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from counterfoil.eval.scenes.drawing import SIDE, UNCLEAR, Scene, Thing, Unclear, draw_scene
from counterfoil.eval.scenes.exam import DrawnScenes, draw_exam
from counterfoil.eval.scenes.objects import (
    NAMES,
    PARTNER,
    PARTNERS,
    TILTS,
    TINTS,
    TWINS,
    Twin,
    objects_together,
    sprite,
)
from counterfoil.eval.scenes.questions import SPLITS
from PIL import Image

from training.scenes.lessons import lesson
from training.scenes.transforms import TRANSFORMS, transformed


def worlds(twin: Twin, number: int = 4000) -> list[tuple[str, ...]]:
    draw = np.random.default_rng(0)
    return [objects_together(twin, draw) for _ in range(number)]


def test_only_the_biased_world_has_partners() -> None:
    shares = {}
    for twin in TWINS:
        scenes = worlds(twin)
        pairs = [PARTNER[name] in there for there in scenes for name in there]
        shares[twin] = sum(pairs) / len(pairs)
    assert shares["biased"] == pytest.approx(0.8 / 0.9, abs=0.01)
    assert shares["unbiased"] < 0.4


def test_the_twins_differ_in_nothing_else() -> None:
    sizes, counts = ({}, {})
    for twin in TWINS:
        scenes = worlds(twin)
        assert all(len(set(there)) == len(there) and set(there) <= set(NAMES) for there in scenes)
        sizes[twin] = np.bincount([len(there) for there in scenes], minlength=7) / len(scenes)
        counts[twin] = Counter(name for there in scenes for name in there)
    assert sizes["biased"] == pytest.approx(sizes["unbiased"], abs=0.03)
    for name in NAMES:
        assert counts["biased"][name] / counts["unbiased"][name] == pytest.approx(1, abs=0.15)


def outline(name: str) -> np.ndarray:
    return np.asarray(sprite(name, 32, 1, 0.0))[..., 3] > 127


def overlap(a: str, b: str) -> float:
    one, other = outline(a), outline(b)
    return (one & other).sum() / (one | other).sum()


def test_partners_look_no_more_alike_than_others() -> None:
    of_partners = [overlap(a, b) for a, b in PARTNERS]
    of_all = [overlap(a, b) for a in NAMES for b in NAMES if a < b]
    assert max(of_all) < 0.7
    assert np.mean(of_partners) < np.mean(of_all) + 0.05
    assert overlap("car", "car") == 1.0


def test_every_thing_can_be_seen_in_every_colouring() -> None:
    for name in NAMES:
        for tint in range(TINTS):
            for tilt in TILTS:
                seen = np.asarray(sprite(name, 10, tint, tilt))[..., 3]
                assert (seen > 127).mean() > 0.1, (name, tint, tilt)


@pytest.mark.parametrize("unclear", [None, *UNCLEAR])
def test_a_scene_shows_its_things_where_it_says(unclear: Unclear | None) -> None:
    draw = np.random.default_rng(1)
    scene = draw_scene(NAMES[:9], draw, unclear)
    assert scene.image.size == (SIDE, SIDE)
    assert scene.objects == NAMES[:9]
    places = sorted((thing.y // 32, thing.x // 32) for thing in scene.things)
    assert places == [(row, column) for row in range(3) for column in range(3)]
    for thing in scene.things:
        assert thing.size / 2 <= thing.x % 32 + 1e-6
        assert thing.x % 32 <= 32 - thing.size / 2 + 1e-6
    again = draw_scene(NAMES[:9], np.random.default_rng(1), unclear)
    assert again.image.tobytes() == scene.image.tobytes()


def test_unclear_images_have_lost_something() -> None:
    def sharpness(image: Image.Image) -> float:
        pixels = np.asarray(image.reduce(2).convert("L"), float)
        return float(abs(np.diff(pixels, axis=1)).mean())

    clear, blurred, noised = (
        np.mean([sharpness(draw_scene(NAMES[:4], np.random.default_rng(i), kind).image) for i in range(20)])
        for kind in (None, "blurred", "noised")
    )
    assert blurred < clear / 2
    assert noised > 3 * clear


def test_a_thing_moves_with_the_image() -> None:
    """A white dot on black stays where the label says, whatever the transform."""
    for seed in range(200):
        pixels = np.zeros((SIDE, SIDE, 3), np.uint8)
        pixels[22:27, 58:63] = 255
        scene = Scene(Image.fromarray(pixels), (Thing("sun", 60.5, 24.5, 5),))
        moved = transformed(scene, np.random.default_rng(seed))
        bright = np.asarray(moved.image.convert("L"), float)
        if not moved.things:
            continue
        if bright.max() < 30:  # colour jitter may turn the light off
            continue
        rows, columns = np.nonzero(bright > bright.max() / 2)
        x, y = moved.things[0].x, moved.things[0].y
        half = moved.things[0].size / 2
        if half < min(x, y) and max(x, y) < SIDE - half:
            assert columns.mean() + 0.5 == pytest.approx(x, abs=2), seed
            assert rows.mean() + 0.5 == pytest.approx(y, abs=2), seed


def test_lessons_hold_every_kind_of_image() -> None:
    draw = np.random.default_rng(0)
    scenes = [lesson("biased", draw) for _ in range(300)]
    assert {scene.unclear for scene in scenes} == {None, *UNCLEAR}
    assert len(TRANSFORMS) == 6
    assert any(not scene.things for scene in scenes) or min(len(scene.things) for scene in scenes) == 1


def test_an_exam_asks_what_it_can_answer() -> None:
    exam = draw_exam("test", "unclear", 12)
    assert Counter(scene.unclear for scene in exam.scenes.values()) == dict.fromkeys(UNCLEAR, 3)
    for split in SPLITS:
        assert len(exam.splits[split]) == 12 * 6
        for probe in exam.splits[split]:
            assert (probe.text.split()[3] in exam.scenes[probe.image].objects) == probe.there
    partners = [
        PARTNER[probe.text.split()[3]] in exam.scenes[probe.image].objects
        for probe in exam.splits["adversarial"]
        if not probe.there
    ]
    assert sum(partners) / len(partners) > 0.6


def test_exams_are_reproducible_and_have_no_image_in_common() -> None:
    hashes = {
        (sight, seed): DrawnScenes.drawn(sight, 4, seed).sha256 for sight in ("clear", "unclear") for seed in (0, 1)
    }
    assert len(set(hashes.values())) == 4
    assert DrawnScenes.drawn("clear", 4, 0).sha256 == hashes["clear", 0]
    images = [
        scene.image.tobytes()
        for purpose in ("development", "test")
        for scene in draw_exam(purpose, "clear", 6).scenes.values()
    ]
    assert len(set(images)) == len(images)


@pytest.mark.parametrize("limit", [None, 0, 1])
def test_drawn_images_have_an_end(limit: int | None) -> None:
    with pytest.raises(ValueError, match="`limit` has to be at least 2 for drawn images"):
        DrawnScenes.drawn("clear", limit, 0)
    with pytest.raises(ValueError, match="`sight` has to be one of clear, unclear, but is 'dark'"):
        draw_exam("test", "dark", 2)
