"""The trace: the two views' log-probabilities of the tokens that were chosen."""

from __future__ import annotations

import oracles
import pytest
import torch
from counterfoil.decoding import CADLogitsProcessor, ContrastiveDecodingLogitsProcessor
from reference import next_logits
from tiny_models import padded, random_prompts, tiny_model

PROMPTS, CONTRASTS = random_prompts([7, 4], seed=31), random_prompts([3, 5], seed=32)


def traced(**options):
    model = tiny_model("llama")
    processor = CADLogitsProcessor(model, padded(CONTRASTS), alpha=1.0, trace=True)
    torch.manual_seed(0)
    return processor, model.generate(
        **padded(PROMPTS), logits_processor=[processor], max_new_tokens=6, **{"do_sample": False, **options}
    )


@pytest.mark.parametrize(
    "options", [{}, {"do_sample": True, "temperature": 2.0}, {"repetition_penalty": 1.0, "top_k": 3}]
)
def test_it_holds_each_tokens_log_probability_under_both_views(options: dict) -> None:
    processor, sequences = traced(**options)
    trace = processor.trace(sequences)
    assert trace.main.shape == trace.other.shape == trace.plausible.shape == (2, 6)
    for row in range(2):
        new = sequences[row, 7:].tolist()
        for step, token in enumerate(new):
            for kept, prompt in ((trace.main, PROMPTS[row]), (trace.other, CONTRASTS[row])):
                expected = oracles.log_softmax(next_logits(tiny_model("llama"), prompt + new[:step]))[token]
                assert float(kept[row, step]) == pytest.approx(expected, abs=2e-4)
    torch.testing.assert_close(trace.difference, trace.main - trace.other)
    assert bool((trace.plausible == 96).all())


def test_it_counts_the_plausible_set() -> None:
    model = tiny_model("llama")
    processor = ContrastiveDecodingLogitsProcessor(tiny_model("gpt2"), alpha=0.2, trace=True)
    sequences = model.generate(**padded(PROMPTS[:1]), logits_processor=[processor], max_new_tokens=4, do_sample=False)
    plausible = processor.trace(sequences).plausible[0].tolist()
    for step, count in enumerate(plausible):
        p = oracles.log_softmax(next_logits(model, sequences[0, : 7 + step].tolist()))
        assert count == int((p >= p.max() + torch.log(torch.tensor(0.2)).item()).sum())


def test_a_second_call_has_a_trace_of_its_own() -> None:
    processor, first = traced()
    model = tiny_model("llama")
    second = model.generate(**padded(PROMPTS[::-1]), logits_processor=[processor], max_new_tokens=3, do_sample=False)
    assert processor.trace(second).main.shape == (2, 3)
    with pytest.raises(ValueError, match="what the last generate"):
        processor.trace(first)


def test_it_costs_no_second_forward_and_keeps_one_number_a_token() -> None:
    processor, _ = traced()
    assert processor._recorder is not None
    steps = processor._recorder._steps
    assert all(step.main.shape == (2,) for step in steps[:-1])


def test_beam_search_is_refused_by_name() -> None:
    processor, sequences = traced(num_beams=3)
    with pytest.raises(ValueError, match="reordered by a beam search"):
        processor.trace(sequences)


def test_an_untraced_processor_says_so() -> None:
    processor = CADLogitsProcessor(tiny_model("llama"), padded(CONTRASTS))
    with pytest.raises(ValueError, match="`trace` has to be True"):
        processor.trace(torch.zeros(1, 1))
