"""The trace: the two views' log-probabilities of the tokens that were chosen."""

from __future__ import annotations

import pytest
import torch
from counterfoil.decoding import CADLogitsProcessor, ContrastiveDecodingLogitsProcessor

from tests.support import oracles
from tests.support.reference import next_logits
from tests.support.tiny_models import padded, random_prompts, tiny_model

PROMPTS, CONTRASTS = random_prompts([7, 4], seed=31), random_prompts([3, 5], seed=32)


def traced(**options):
    model = tiny_model("llama")
    processor = CADLogitsProcessor(model, padded(CONTRASTS), strength=1.0, trace=True)
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
    assert trace.main.shape == trace.contrast.shape == trace.plausible.shape == (2, 6)
    for row in range(2):
        new = sequences[row, 7:].tolist()
        for step, token in enumerate(new):
            for kept, prompt in ((trace.main, PROMPTS[row]), (trace.contrast, CONTRASTS[row])):
                expected = oracles.log_softmax(next_logits(tiny_model("llama"), prompt + new[:step]))[token]
                assert float(kept[row, step]) == pytest.approx(expected, abs=2e-4)
    torch.testing.assert_close(trace.difference, trace.main - trace.contrast)
    assert bool((trace.plausible == 96).all())


def test_it_counts_the_plausible_set() -> None:
    model = tiny_model("llama")
    processor = ContrastiveDecodingLogitsProcessor(model, tiny_model("gpt2"), plausibility=0.2, trace=True)
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


class Mine(CADLogitsProcessor):
    """A subclass, whose call comes between the list's and the library's."""

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        return super().__call__(input_ids, scores)


def test_a_subclass_is_followed_and_freed_like_its_base() -> None:
    model = tiny_model("llama")
    mine = Mine(model, padded(CONTRASTS), strength=1.0, trace=True)
    sequences = model.generate(**padded(PROMPTS), logits_processor=[mine], max_new_tokens=6, do_sample=False)
    base, expected = traced()
    assert sequences.tolist() == expected.tolist()
    torch.testing.assert_close(mine.trace(sequences).main, base.trace(expected).main)
    assert mine._call.current is not None
    assert not mine._call.current._states


def test_the_dictionary_that_generate_returns_will_do() -> None:
    processor, output = traced(return_dict_in_generate=True)
    torch.testing.assert_close(processor.trace(output).main, processor.trace(output.sequences).main)


def test_another_last_token_has_another_log_probability() -> None:
    processor, sequences = traced()
    first = processor.trace(sequences).main[:, -1]
    other = sequences.clone()
    other[:, -1] = (other[:, -1] + 1) % 96
    assert not torch.equal(processor.trace(other).main[:, -1], first)


def test_padding_beyond_a_cut_vocabulary_does_no_harm() -> None:
    model = tiny_model("llama")
    amateur = tiny_model("gpt2", seed=6, vocab_size=128)
    processor = ContrastiveDecodingLogitsProcessor(model, amateur, plausibility=0.0, vocabulary_size=90, trace=True)
    sequences = model.generate(
        **padded(PROMPTS), logits_processor=[processor], max_new_tokens=6, do_sample=False,
        eos_token_id=list(range(40, 80)), pad_token_id=95,
    )  # fmt: skip
    assert processor.trace(sequences).main.shape == sequences[:, 7:].shape
