"""A decoding that compares an image with a view of it, bound to a loaded model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from counterfoil.decoding import (
    CODELogitsProcessor,
    ContrastLogitsProcessor,
    M3IDLogitsProcessor,
    RITUALLogitsProcessor,
    VCDLogitsProcessor,
    batched_views,
)
from counterfoil.decoding.images import Requests
from counterfoil.models import VisionModel

from .decoders import labelled, settings_of
from .decodings import WITH_IMAGE, Decoding

DECLARED: dict[str, Any] = {
    "code": CODELogitsProcessor,
    "ritual": RITUALLogitsProcessor,
    "vcd": VCDLogitsProcessor,
    "m3id": M3IDLogitsProcessor,
}
DRAWING = ("ritual", "vcd")
COMBINED: dict[str, dict[str, Any]] = {
    # The cut is the first one's, on the image alone; RITUAL's code has M3ID without a gate, and with the cut.
    "vcd": {},
    "m3id": {"gate": 1.0, "plausibility": 0.1, "max_weight": None},
    "ritual": {"plausibility": 0.0},
}
"""What the parts of a combination are given beside their defaults; the first part is the one that is not RITUAL."""


class ImageDecoder:
    """Decodes with one vision-language model by one method.

    Args:
        decoding: The method and its parameters.
        vision: The model.

    Raises:
        ValueError: The method compares no images.
    """

    def __init__(self, decoding: Decoding, vision: VisionModel) -> None:
        if decoding.method != "none" and not decoding.takes_image:
            raise ValueError(
                f"`method` has to be one of {', '.join(WITH_IMAGE)} for an image, but is {decoding.method}"
            )
        self.decoding = decoding
        self.vision = vision

    @property
    def settings(self) -> dict[str, Any]:
        """All parameters of the method, the defaults of those that were not given among them."""
        return settings_of(self.decoding, *self._builders().values())

    @property
    def label(self) -> str:
        """The method with its parameters, for a table."""
        shown = {name: value for name, value in self.settings.items() if value is not None and name != "description"}
        return labelled(self.decoding.method, shown)

    def options(self, request: Requests, seed: int = 0) -> dict[str, Any]:
        """Keywords that switch the method on in `generate()`: one forward a token for all views.

        Args:
            request: `(image, question)`, chat messages with one image, or a list of either.
            seed: Of what a method draws: the i-th request draws with `seed + i`.

        Raises:
            ValueError: As the method's `from_image`.
        """
        processors = self.processors(request, seed)
        return {"logits_processor": processors, "custom_generate": batched_views} if processors else {}

    def processors(self, request: Requests, seed: int = 0) -> list[ContrastLogitsProcessor]:
        """The method's logits processors for the request, in their order; none for plain decoding."""
        builders = self._builders()
        made = []
        for part, build in builders.items():
            options = dict(COMBINED[part]) if len(builders) > 1 else {}
            known = settings_of(Decoding(part), build)
            options |= {name: value for name, value in self.decoding.parameters.items() if name in known}
            options |= {"seed": seed} if part in DRAWING else {}
            made.append(build(self.vision.model, self.vision.processor, request, **options))
        return made

    def _builders(self) -> dict[str, Callable[..., ContrastLogitsProcessor]]:
        parts = [] if self.decoding.method == "none" else self.decoding.method.split("+")
        return {part: DECLARED[part].from_image for part in reversed(parts)}
