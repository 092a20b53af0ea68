from __future__ import annotations

import random
from pathlib import Path
from typing import cast

import pytest
import torch
from counterfoil.attribution.entailment import EntailmentModel, Judgement, Pair, load_entailment
from counterfoil.attribution.entailment.local import LocalEntailment
from counterfoil.attribution.entailment.local import model as local_model
from counterfoil.attribution.entailment.local.adapter import SETTINGS, WEIGHTS
from counterfoil.attribution.entailment.local.encoding import (
    MATCH_HYPOTHESIS,
    MATCH_HYPOTHESIS_ONLY,
    MATCH_NONE,
    MATCH_PREMISE,
    MATCH_PREMISE_ONLY,
    Sentence,
    row,
    selection,
    split,
    windows,
)

VARN = "The lighthouse of Varn was built in 1871 by Edda Holm. It stands 34 metres tall on the northern cliff."
MUSEUM = (
    "The Kessler Museum in Dunmore opened to the public in May 2004. It holds about 1,200 clocks, "
    "most of them given by the watchmaker Pieter Aldous."
)
FERRY = (
    "The ferry between Oster and Little Brack sails four times a day in summer and twice a day in winter. "
    "A crossing takes 50 minutes. Dogs travel free of charge."
)
TEA = (
    "Maralin tea is grown on the slopes of Mount Serrin and picked in April. The leaves are dried over pine smoke, "
    "which gives them their dark colour."
)
TEAM = (
    "The Halden Rovers beat Corby Town 3-1 on Saturday. Anna Reyes scored twice in the second half. "
    "The match was watched by 4,800 people."
)
FIRM = (
    "Norvik Systems was founded in Tallow in 1998 by Ivo Brandt and Lena Sorel. The company makes pumps for ships "
    "and employs 310 people."
)

# (premise, hypothesis, supported): of subjects that do not exist, so that nothing but the premise can tell.
PLAIN = [
    (VARN, "The lighthouse was built in 1871.", True),
    (VARN, "The lighthouse of Varn was built by Edda Holm.", True),
    (VARN, "It was built in 1871.", True),
    (VARN, "The lighthouse stands on the northern cliff.", True),
    (VARN, "The lighthouse of Varn is 34 metres tall.", True),
    (MUSEUM, "The Kessler Museum opened in 2004.", True),
    (MUSEUM, "The museum holds about 1,200 clocks.", True),
    (MUSEUM, "Most of the clocks were given by Pieter Aldous.", True),
    (FERRY, "The ferry sails four times a day in summer.", True),
    (FERRY, "The crossing takes 50 minutes.", True),
    (FERRY, "Dogs travel free on the ferry.", True),
    (TEA, "Maralin tea is picked in April.", True),
    (TEA, "The leaves are dried over pine smoke.", True),
    (TEA, "The tea is grown on Mount Serrin.", True),
    (TEAM, "Anna Reyes scored two goals.", True),
    (TEAM, "The Halden Rovers beat Corby Town.", True),
    (TEAM, "The match was watched by 4,800 people.", True),
    (FIRM, "Norvik Systems was founded in 1998.", True),
    (FIRM, "The company makes pumps for ships.", True),
    (FIRM, "Norvik Systems employs 310 people.", True),
    (VARN, "The museum in Dunmore has a large collection of clocks.", False),
    (MUSEUM, "Tickets for the museum cost eight euros.", False),
    (FERRY, "The ferry serves hot meals on board.", False),
    (TEA, "Maralin tea is mostly exported to Japan.", False),
    (TEAM, "The Rovers are at the top of the table.", False),
    (FIRM, "The company was sold in 2015.", False),
    (VARN, "The lighthouse was destroyed by a storm.", False),
    (MUSEUM, "The museum is closed on Mondays.", False),
]
CHANGED = [
    (VARN, "The lighthouse was built in 1817.", False),
    (VARN, "The lighthouse of Varn was built in 1926.", False),
    (VARN, "The lighthouse of Varn was built by Jonas Pell.", False),
    (VARN, "The lighthouse stands on the southern cliff.", False),
    (VARN, "The lighthouse of Varn is 43 metres tall.", False),
    (MUSEUM, "The Kessler Museum opened in 1994.", False),
    (MUSEUM, "The museum holds about 200 clocks.", False),
    (FERRY, "The ferry sails six times a day in summer.", False),
    (FERRY, "The crossing takes 90 minutes.", False),
    (TEA, "Maralin tea is picked in October.", False),
    (TEAM, "Corby Town beat the Halden Rovers.", False),
    (TEAM, "Maria Lopez scored twice in the second half.", False),
    (FIRM, "Norvik Systems was founded in 1989.", False),
    (FIRM, "The company makes pumps for aeroplanes.", False),
    (FIRM, "Norvik Systems employs 3,100 people.", False),
]


@pytest.fixture(scope="module")
def model() -> LocalEntailment:
    return LocalEntailment(device="cpu")


def right(model: LocalEntailment, cases: list[tuple[str, str, bool]]) -> float:
    judgements = model.judge([Pair(premise, hypothesis) for premise, hypothesis, _ in cases])
    verdicts = [j.supported is not None and j.supported >= model.threshold for j in judgements]
    return sum(v == truth for v, (_, _, truth) in zip(verdicts, cases, strict=True)) / len(cases)


def test_it_tells_support_from_silence_on_invented_subjects(model: LocalEntailment) -> None:
    assert right(model, PLAIN) >= 0.9


def test_it_notices_changed_numbers_and_names(model: LocalEntailment) -> None:
    assert right(model, CHANGED) >= 0.75


def test_it_is_the_default_and_names_its_revision(model: LocalEntailment) -> None:
    default = load_entailment(device="cpu")
    assert isinstance(default, EntailmentModel)
    assert default.name == model.name
    assert model.name.startswith("local@")
    assert len(model.name) == len("local@") + 12


def test_the_adapter_is_small() -> None:
    folder = Path(local_model.__file__).parent
    assert sum((folder / name).stat().st_size for name in (WEIGHTS, SETTINGS)) <= 3 * 2**20


def test_scores_do_not_depend_on_batch_order_or_company(model: LocalEntailment) -> None:
    pairs = [Pair(p, h) for p, h, _ in PLAIN + CHANGED]
    alone = {pair: model.judge([pair])[0] for pair in pairs}
    shuffled = random.Random(0).sample(pairs, len(pairs))
    one_by_one = LocalEntailment(device="cpu", batch_size=3)
    for judged in (model.judge(shuffled), one_by_one.judge(shuffled)):
        for pair, judgement in zip(shuffled, judged, strict=True):
            assert judgement.supported == pytest.approx(alone[pair].supported, abs=1e-5)
            assert judgement.contradicted == pytest.approx(alone[pair].contradicted, abs=1e-5)


def test_half_precision_is_close_and_has_a_name_of_its_own(model: LocalEntailment) -> None:
    half = LocalEntailment(device="cpu", precision="bfloat16")
    pairs = [Pair(premise, hypothesis) for premise, hypothesis, _ in PLAIN + CHANGED]
    differences = [
        abs(cast(float, one.supported) - cast(float, other.supported))
        for one, other in zip(model.judge(pairs), half.judge(pairs), strict=True)
    ]
    assert 0 < max(differences) < 0.02
    assert half.name == f"{model.name}+bfloat16"


def test_equal_pairs_are_read_once(model: LocalEntailment, monkeypatch: pytest.MonkeyPatch) -> None:
    read = []
    forward = type(model.network).forward

    def counted(self: torch.nn.Module, *tensors: torch.Tensor) -> torch.Tensor:
        read.append(len(tensors[0]))
        return forward(self, *tensors)

    monkeypatch.setattr(type(model.network), "forward", counted)
    pair, other = Pair(VARN, "It was built in 1871."), Pair(VARN, "It was built in 1817.")
    judged = model.judge([pair, other, pair, pair])
    assert sum(read) == 2
    assert judged[0] == judged[2] == judged[3] != judged[1]


FILLER = [f"The {word} market of the town is held on the square." for word in ("fish", "wool", "book", "flower")] * 8


@pytest.mark.parametrize("place", [0, 15, 32])
def test_a_long_premise_is_read_to_its_end(model: LocalEntailment, place: int) -> None:
    texts = [*FILLER[:place], VARN, *FILLER[place:]]
    premise = " ".join(texts)
    judgement = model.judge([Pair(premise, "The lighthouse of Varn was built in 1871 by Edda Holm.")])[0]
    assert judgement.supported is not None
    assert judgement.supported >= model.threshold
    assert judgement.chunk is not None
    start, end = judgement.chunk
    assert "The lighthouse of Varn was built in 1871 by Edda Holm." in premise[start:end]
    assert end - start < len(premise)


def test_a_short_premise_is_read_whole(model: LocalEntailment) -> None:
    assert model.judge([Pair(VARN, "It was built in 1871.")])[0].chunk is None


def test_an_empty_premise_supports_nothing_and_an_empty_hypothesis_is_a_failure(model: LocalEntailment) -> None:
    nothing, blank, no_claim = model.judge([Pair("", "It rains."), Pair(" \n", "It rains."), Pair(VARN, " ")])
    assert nothing == blank == Judgement(supported=0.0, contradicted=0.0)
    assert no_claim.supported is None
    assert no_claim.failure == "the hypothesis is empty"
    assert model.judge([]) == []


def test_the_hypothesis_is_never_cut(model: LocalEntailment) -> None:
    longest = model.longest_hypothesis
    fits, too_long = model.judge([Pair(VARN, "yes " * longest), Pair(VARN, "yes " * (longest + 1))])
    assert fits.supported is not None
    assert too_long.supported is None
    assert "never cut" in str(too_long.failure)


def test_odd_text_is_judged(model: LocalEntailment) -> None:
    odd = ["\ud800 lone", "🙂🙂", "a\x00b", "x" * 5000]
    judged = model.judge([Pair(text, "It is seven.") for text in odd] + [Pair(VARN, text) for text in odd[1:3]])
    assert all(j.supported is not None for j in judged)


def test_bad_arguments_are_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="`batch_size` has to be at least 1, but is 0"):
        LocalEntailment(batch_size=0)
    with pytest.raises(ValueError, match=r"`threshold` has to be in \[0, 1\], but is 2"):
        LocalEntailment(threshold=2)
    with pytest.raises(ValueError, match="`precision` has to be one of float32, bfloat16, but is 'int8'"):
        LocalEntailment(precision="int8")
    with pytest.raises(ValueError, match="`model` has to be a folder that holds"):
        LocalEntailment(model=tmp_path)


def test_the_threshold_can_be_set(model: LocalEntailment) -> None:
    assert LocalEntailment(device="cpu", threshold=0.75).threshold == 0.75
    assert 0 < model.threshold < 1


def sentence(*ids: int) -> Sentence:
    return Sentence(ids, ids[0], ids[0] + 1)


def test_a_row_tells_which_tokens_are_shared(model: LocalEntailment) -> None:
    made = row(model.tokenizer, [sentence(2001, 2002), sentence(2003)], [2003, 2004])
    cls, sep = model.tokenizer.cls_token_id, model.tokenizer.sep_token_id
    assert made.ids == [cls, 2001, 2002, 2003, sep, 2003, 2004, sep]
    assert made.segments == [0, 0, 0, 0, 0, 1, 1, 1]
    only, both = MATCH_PREMISE_ONLY, MATCH_PREMISE
    shared, new = MATCH_HYPOTHESIS, MATCH_HYPOTHESIS_ONLY
    assert made.matches == [MATCH_NONE, only, only, both, MATCH_NONE, shared, new, MATCH_NONE]
    assert (made.start, made.end) == (2001, 2004)


def test_sentences_know_their_places_and_long_ones_fall_into_pieces(model: LocalEntailment) -> None:
    pieces = split(model.tokenizer, VARN, longest=64)
    assert [VARN[p.start : p.end] for p in pieces] == [VARN[:54], VARN[55:]]
    short = split(model.tokenizer, VARN, longest=5)
    assert all(len(piece.ids) <= 5 for piece in short)
    assert [i for piece in short for i in piece.ids] == [i for piece in pieces for i in piece.ids]


def test_windows_take_whole_sentences() -> None:
    a, b, c, d = sentence(1, 2, 3), sentence(4, 5), sentence(6, 7, 8), sentence(9)
    assert windows([a, b, c, d], 5) == [[a, b], [c, d]]
    assert windows([a, b, c, d], 3) == [[a], [b], [c], [d]]
    assert windows([], 5) == []


def test_selection_covers_the_hypothesis_in_the_order_of_the_text() -> None:
    common, spare, left, more, right_ = (
        sentence(1, 2), sentence(1, 3, 3), sentence(1, 7), sentence(1, 7, 4, 5), sentence(1, 8)
    )  # fmt: skip
    # 7 and 8 are each needed once; the word 1, which all hold, tells nothing.
    assert selection([common, spare, right_, left], [1, 7, 8], 4) == [right_, left]
    # Where all is covered, a second sentence with 7 comes before one without.
    assert selection([spare, left, more], [7], 6) == [left, more]
    assert selection([common], [9], 1) == []
