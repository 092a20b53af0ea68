"""Between the forwards of a step the host must not wait for the device, which would idle at the next launch."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from counterfoil.decoding import CADLogitsProcessor
from torch.utils._python_dispatch import TorchDispatchMode

from tests.support.tiny_models import padded, random_prompts, tiny_model

aten = torch.ops.aten
SYNCS = {aten.equal.default, aten._local_scalar_dense.default}
NEW = 6
PROMPTS, CONTRAST = random_prompts([6, 6], seed=81), random_prompts([4], seed=82)


class Events(TorchDispatchMode):
    """Notes what reads a value back from the device, among the forwards of a model."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.seen: list[str] = []
        self._hooks = [
            model.register_forward_pre_hook(lambda *_: self.seen.append("begin")),
            model.register_forward_hook(lambda *_: self.seen.append("end")),
        ]

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if function in SYNCS:
            self.seen.append("sync")
        return function(*args, **(kwargs or {}))

    def __exit__(self, *error: Any) -> None:
        super().__exit__(*error)
        for hook in self._hooks:
            hook.remove()


@pytest.mark.parametrize("trace", [False, True])
@pytest.mark.parametrize("do_sample", [False, True])
def test_no_value_is_read_between_the_two_forwards_of_a_step(do_sample: bool, trace: bool) -> None:
    model = tiny_model("llama")
    cad = CADLogitsProcessor(model, padded(CONTRAST), strength=1.0, trace=trace)
    with Events(model) as events:
        model.generate(**padded(PROMPTS), logits_processor=[cad], do_sample=do_sample, max_new_tokens=NEW)
    forwards = " ".join(events.seen).split("begin")[1:]
    assert len(forwards) == 2 * NEW
    # The first step recognises the call; after that, the main forward and the view's take turns.
    assert [forward.split("end")[1].count("sync") for forward in forwards[2::2]] == [0] * (NEW - 1)
    # The finite check and the loop's own question whether all rows have ended.
    assert all(forward.split("end")[1].count("sync") <= 2 for forward in forwards[3::2])


def test_beams_do_read_whether_rows_have_moved() -> None:
    model = tiny_model("llama")
    with Events(model) as events:
        cad = CADLogitsProcessor(model, padded(CONTRAST), strength=1.0)
        model.generate(**padded(PROMPTS), logits_processor=[cad], num_beams=2, max_new_tokens=NEW)
    forwards = " ".join(events.seen).split("begin")[1:]
    assert any("sync" in forward.split("end")[1] for forward in forwards[2::2]), "the count sees them"
