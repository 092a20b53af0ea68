"""The sentence pairs of Winogender (Rudinger et al., NAACL 2018, arXiv 1804.09301), which differ in a pronoun alone.

    The technician told the customer that he could pay with cash.        technician.customer.1.male.txt
    The technician told the customer that she could pay with cash.       technician.customer.1.female.txt

The number says whom the pronoun means: 0 the occupation, 1 the other person. Neutral sentences have no counterpart
here and are not read.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass

from .dataset import Source

GENDERS = ("male", "female")
_PRONOUN = re.compile(r"\b(he|she|his|her|him)\b")


@dataclass(frozen=True)
class Sentence:
    """One of a pair.

    Args:
        pair: The name that it shares with the other one.
        gender: `male` or `female`.
        text: The sentence.
        counterpart: The other one's text.
        pronoun: As it stands in the text.
        other_pronoun: As it stands in the other one.
        occupation: One person.
        participant: The other one.
        means_occupation: Whether the pronoun means the occupation.
    """

    pair: str
    gender: str
    text: str
    counterpart: str
    pronoun: str
    other_pronoun: str
    occupation: str
    participant: str
    means_occupation: bool


def read_sentences(source: Source) -> list[Sentence]:
    """The sentences of `all_sentences.tsv` that have a counterpart, in the order of the file.

    Raises:
        ValueError: The file has other columns, or a sentence without a pronoun or a counterpart.
    """
    rows = list(csv.DictReader(source.text.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE))
    if not rows or not {"sentid", "sentence"} <= rows[0].keys():
        raise ValueError(f"{source.name} has to have the columns sentid and sentence, but has not")
    texts = {row["sentid"].removesuffix(".txt"): row["sentence"] for row in rows}
    sentences = []
    for name, text in texts.items():
        *parts, gender = name.split(".")
        if gender not in GENDERS:
            continue
        pair = ".".join(parts)
        other = texts.get(f"{pair}.{GENDERS[gender == 'male']}")
        pronouns = [found[1] for sentence in (text, other or "") if (found := _PRONOUN.search(sentence))]
        if len(parts) != 3 or other is None or len(pronouns) != 2:
            raise ValueError(f"{name} of {source.name} has to be one of a pair with a pronoun each, but is not")
        sentences.append(
            Sentence(pair, gender, text, other, pronouns[0], pronouns[1], parts[0], parts[1], parts[2] == "0")
        )
    return sentences
