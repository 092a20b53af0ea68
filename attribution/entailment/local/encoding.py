"""Turn a premise and a hypothesis into rows of token numbers: windows, segments, and which tokens the two share.

Text in a writing system that the encoder does not read is not judged, because the verdict would be a guess.
"""

from __future__ import annotations

import math
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import regex

from ...text.pictographs import spelled
from ...text.segmentation import sentences

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

# States of the match embedding. Exact repetition of words decides most verdicts, above all those on numbers and names,
# and a small encoder would spend its few layers on finding it.
MATCH_NONE, MATCH_HYPOTHESIS, MATCH_HYPOTHESIS_ONLY, MATCH_PREMISE, MATCH_PREMISE_ONLY = range(5)
MATCH_STATES = 5


FOREIGN = 0.3
"""The share of a text's letters that may stand in other scripts: names and quoted words, no whole sentence."""

_LETTER = regex.compile(r"\p{L}")


@dataclass(frozen=True)
class Sentence:
    """Token numbers of one sentence of a premise, and its half-open range of code points in the premise."""

    ids: tuple[int, ...]
    start: int
    end: int


@dataclass(frozen=True)
class Row:
    """One input of the network: `[CLS] premise [SEP] hypothesis [SEP]`.

    Args:
        ids: Token numbers.
        segments: 0 for the premise with its markers, 1 for the hypothesis with its marker.
        matches: One of the `MATCH_` states a token.
        start: First code point of the premise that is inside.
        end: One past the last such code point.
    """

    ids: list[int]
    segments: list[int]
    matches: list[int]
    start: int
    end: int


def tokens(tokenizer: PreTrainedTokenizerBase, text: str) -> tuple[list[int], list[tuple[int, int]]]:
    """Return token numbers of a text and their half-open ranges in it, without special tokens and never cut.

    The encoder knows no pictographs: those that say something are read as words.
    """
    read, origin = spelled(text)
    if not read.strip():
        read, origin = text, []  # pictographs alone are unknown tokens
    # A lone surrogate cannot be handed over as UTF-8; one replacement character keeps the offsets.
    encoded = tokenizer(
        read.encode("utf-8", "replace").decode("utf-8"),
        add_special_tokens=False,
        return_offsets_mapping=True,
        truncation=False,
        verbose=False,
    )
    offsets = encoded["offset_mapping"]
    return encoded["input_ids"], [(origin[a][0], origin[b - 1][1]) for a, b in offsets] if origin else offsets


def split(tokenizer: PreTrainedTokenizerBase, text: str, longest: int) -> list[Sentence]:
    """Return the sentences of `text` in token numbers, each at most `longest` tokens: longer ones are cut."""
    pieces: list[Sentence] = []
    for sentence in sentences(text):
        ids, offsets = tokens(tokenizer, sentence.text)
        for low in range(0, len(ids), longest):
            high = min(low + longest, len(ids))
            # The whole sentence, with pictographs at either end that are no tokens.
            start = sentence.start + (offsets[low][0] if low else 0)
            end = sentence.end if high == len(ids) else sentence.start + offsets[high - 1][1]
            pieces.append(Sentence(tuple(ids[low:high]), start, end))
    return pieces


def row(tokenizer: PreTrainedTokenizerBase, premise: Sequence[Sentence], hypothesis: Sequence[int]) -> Row:
    """Return the network's input for some sentences of a premise and the token numbers of a hypothesis."""
    premise_ids = [number for sentence in premise for number in sentence.ids]
    shared = set(premise_ids) & set(hypothesis)
    cls, sep = cast(int, tokenizer.cls_token_id), cast(int, tokenizer.sep_token_id)
    return Row(
        ids=[cls, *premise_ids, sep, *hypothesis, sep],
        segments=[0] * (len(premise_ids) + 2) + [1] * (len(hypothesis) + 1),
        matches=[
            MATCH_NONE,
            *(MATCH_PREMISE if number in shared else MATCH_PREMISE_ONLY for number in premise_ids),
            MATCH_NONE,
            *(MATCH_HYPOTHESIS if number in shared else MATCH_HYPOTHESIS_ONLY for number in hypothesis),
            MATCH_NONE,
        ],
        start=premise[0].start,
        end=premise[-1].end,
    )


def selection(premise: Sequence[Sentence], hypothesis: Iterable[int], budget: int) -> list[Sentence]:
    """Return the sentences that together cover most of the hypothesis, in order, `budget` tokens at most.

    Greedy cover: each step takes the sentence that adds the greatest weight of hypothesis tokens not covered yet. A
    token weighs log((1 + S) / (0.5 + n)) if n of the premise's S sentences hold it, so that words which stand in
    every sentence count little; the premise is its own reference and no table of frequencies is needed.
    """
    wanted = set(hypothesis)
    held = [wanted.intersection(sentence.ids) for sentence in premise]
    count = Counter(number for tokens in held for number in tokens)
    weight = {number: math.log((1 + len(premise)) / (0.5 + n)) for number, n in count.items()}
    left, covered, taken = budget, set[int](), list[int]()
    candidates = set(range(len(premise)))
    while candidates := {index for index in candidates if len(premise[index].ids) <= left}:
        # What is covered already counts a little: a second sentence on the same subject beats one on another.
        gain = {
            index: sum(weight[number] * (0.1 if number in covered else 1.0) for number in held[index])
            for index in candidates
        }
        best = min(candidates, key=lambda index: (-gain[index], index))
        taken.append(best)
        candidates.discard(best)
        covered |= held[best]
        left -= len(premise[best].ids)
    return [premise[index] for index in sorted(taken)]


def windows(premise: Sequence[Sentence], budget: int) -> list[list[Sentence]]:
    """Return windows: neighbouring sentences joined while they fit into `budget` tokens, each in one window."""
    filled: list[list[Sentence]] = []
    used = budget
    for sentence in premise:
        if used + len(sentence.ids) > budget:
            filled.append([])
            used = 0
        filled[-1].append(sentence)
        used += len(sentence.ids)
    return filled


def foreign_script(text: str, scripts: Sequence[str]) -> str | None:
    """Return the script of most letters that stand in none of `scripts`, if they are more than :data:`FOREIGN` of all.

    Args:
        text: A statement or a premise.
        scripts: Unicode names of the scripts that are read, for example `("Latin",)`.

    Returns:
        The name, for example `Cyrillic`; `None` if the text can be read.
    """
    letters = _LETTER.findall(text)
    read = regex.compile("[" + "".join(rf"\p{{Script={name}}}" for name in (*scripts, "Common", "Inherited")) + "]")
    foreign = [letter for letter in letters if not read.match(letter)]
    if len(foreign) <= FOREIGN * len(letters):
        return None
    names = Counter(unicodedata.name(letter, "unknown").split()[0] for letter in foreign)
    return names.most_common(1)[0][0].title()
