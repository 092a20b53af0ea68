"""The images that are met in training: clear and unclear, some of them transformed."""

from __future__ import annotations

import numpy as np
from counterfoil.eval.scenes.drawing import UNCLEAR, Scene, draw_scene
from counterfoil.eval.scenes.objects import Twin, objects_together

from .transforms import transformed

UNCLEAR_SHARE = 0.4
TRANSFORMED_SHARE = 0.4


def lesson(twin: Twin, draw: np.random.Generator) -> Scene:
    """Return a random scene of one of the two worlds."""
    unclear = UNCLEAR[draw.integers(len(UNCLEAR))] if draw.random() < UNCLEAR_SHARE else None
    scene = draw_scene(objects_together(twin, draw), draw, unclear)
    return transformed(scene, draw) if draw.random() < TRANSFORMED_SHARE else scene
