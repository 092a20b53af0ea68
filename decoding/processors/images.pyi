# Written by tools/derive.py. Change the source and run `python -m tools.derive`.
# pyright: reportIncompatibleMethodOverride=false, reportIncompatibleVariableOverride=false

from __future__ import annotations
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self
from transformers import PreTrainedModel
from ..images import ImagePrompt, ImageRequests, Transform, VisionPrompter, add_noise, describe_images, draw_transform
from ..methods.code import CODE
from ..methods.m3id import M3ID
from ..methods.parameters import check_integer
from ..methods.ritual import CHOSEN_BY_MODEL, RITUAL, TRANSFORMS
from ..methods.vcd import VCD
from .derived import copied, described, with_parameters
from .text import PromptLogitsProcessor
from PIL import Image
View = tuple[dict[str, Any], Mapping[str, Sequence[Any]]]

class ImageLogitsProcessor(PromptLogitsProcessor):
    compared_with: Mapping[str, tuple[Any, ...]]
    changed_image: Callable[..., Image.Image] | None = None
    changed_pixels: Callable[..., dict[str, Any]] | None = None
    def __init_subclass__(cls, **kwargs: Any) -> None: ...
    def __init__(self, model: PreTrainedModel, contrast_inputs: Mapping[str, Any], *, trace: bool=False, **parameters: Any) -> None: ...
    @classmethod
    def from_images(cls, model: PreTrainedModel, processor: Any, images: ImageRequests, *, seed: int=0, trace: bool=False, **parameters: Any) -> Self: ...
    @classmethod
    def view_of(cls, method: Any, prompter: VisionPrompter, prompts: Sequence[ImagePrompt], seed: int) -> View: ...

class CODELogitsProcessor(ImageLogitsProcessor):
    method_class = CODE
    @classmethod
    def view_of(cls, method: CODE, prompter: VisionPrompter, prompts: Sequence[ImagePrompt], seed: int) -> View: ...
    def __init__(self, model: PreTrainedModel, contrast_inputs: Mapping[str, Any], *, k: float = 0.3, trace: bool = False) -> None: ...
    @classmethod
    def from_images(cls, model: PreTrainedModel, processor: Any, images: ImageRequests, *, k: float = 0.3, description: str | Sequence[str] | None = None, instruction: str = ..., description_tokens: int = 512, seed: int = 0, trace: bool = False) -> Self: ...

class RITUALLogitsProcessor(ImageLogitsProcessor):
    method_class = RITUAL
    @staticmethod
    def changed_image(method: RITUAL, image: Image.Image, seed: int) -> Image.Image: ...
    @classmethod
    def view_of(cls, method: RITUAL, prompter: VisionPrompter, prompts: Sequence[ImagePrompt], seed: int) -> View: ...
    def __init__(self, model: PreTrainedModel, contrast_inputs: Mapping[str, Any], *, strength: float = 3.0, plausibility: float = 0.1, normalize: bool = False, trace: bool = False) -> None: ...
    @classmethod
    def from_images(cls, model: PreTrainedModel, processor: Any, images: ImageRequests, *, strength: float = 3.0, plausibility: float = 0.1, normalize: bool = False, transform: str | Callable[[Any], Any] | None = None, seed: int = 0, trace: bool = False) -> Self: ...

class VCDLogitsProcessor(ImageLogitsProcessor):
    method_class = VCD
    @staticmethod
    def changed_pixels(method: VCD, inputs: Mapping[str, Any], *, seeds: Sequence[int], frames: int) -> dict[str, Any]: ...
    def __init__(self, model: PreTrainedModel, contrast_inputs: Mapping[str, Any], *, strength: float = 1.0, plausibility: float = 0.1, trace: bool = False) -> None: ...
    @classmethod
    def from_images(cls, model: PreTrainedModel, processor: Any, images: ImageRequests, *, strength: float = 1.0, plausibility: float = 0.1, noise_step: int = 500, seed: int = 0, trace: bool = False) -> Self: ...

class M3IDLogitsProcessor(ImageLogitsProcessor):
    method_class = M3ID
    @classmethod
    def view_of(cls, method: M3ID, prompter: VisionPrompter, prompts: Sequence[ImagePrompt], seed: int) -> View: ...
    def __init__(self, model: PreTrainedModel, contrast_inputs: Mapping[str, Any], *, decay: float = 0.02, gate: float = 0.3, plausibility: float = 0.0, max_weight: float | None = 10.0, offset: int = 0, trace: bool = False) -> None: ...
    @classmethod
    def from_images(cls, model: PreTrainedModel, processor: Any, images: ImageRequests, *, decay: float = 0.02, gate: float = 0.3, plausibility: float = 0.0, max_weight: float | None = 10.0, offset: int = 0, seed: int = 0, trace: bool = False) -> Self: ...
