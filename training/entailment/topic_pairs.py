"""Makes labelled pairs of statements "topic: clause" from articles: what a text says of its subject, said of another.

    python -m training.entailment.topic_pairs wikitext2/test.txt wikitext2/valid.txt --out topics.jsonl

An answer's "Construction began in 1901." is judged as "The bridge of Venn: construction began in 1901." Such statements
are made here of sentences that begin with a common noun and name nothing. The topic is the article's subject
(supported), or a name that the article mentions behind that sentence for the first time (not supported). The premise is
the paragraph and the one behind it, under the article's title and without it. Articles are in the form of WikiText.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterator
from pathlib import Path

from counterfoil.attribution.text.segmentation import sentences

UNKNOWN = "<unk>"
_TITLE = re.compile(r" = ([^=].*[^=]) = \s*\Z")
_NAME = re.compile(r"\b[A-Z][a-z]+(?: (?:of |the )?[A-Z][a-z]+)+")


def plain(line: str) -> str:
    """Return a line of WikiText as it was written: without blanks around marks, and numbers in one piece."""
    line = re.sub(r" @([.,-])@ ", r"\1", line.strip())
    line = re.sub(r" ([.,;:!?)%])", r"\1", line)
    return re.sub(r"\( ", "(", line).replace(" 's", "'s").replace(' " ', ' "')


def articles(text: str) -> Iterator[tuple[str, list[str]]]:
    """Yield the title and the paragraphs of each article."""
    title, paragraphs = "", []
    for line in text.splitlines():
        found = _TITLE.match(f"{line} ")
        if found and "= =" not in line:
            if title:
                yield title, paragraphs
            title, paragraphs = plain(found[1]), []
        elif line.strip() and not line.startswith(" = "):
            paragraphs.append(plain(line))
    if title:
        yield title, paragraphs


def claim(sentence: str, topic: str) -> str:
    """Return what a sentence says, as it is said of a topic."""
    return f"{topic}: {sentence[:1].lower()}{sentence[1:]}"


def nameless(sentence: str) -> bool:
    """Return whether a sentence begins with a common noun, has some words and names nothing."""
    words = re.findall(r"[^\W\d_]+", sentence)
    return 6 <= len(words) <= 30 and words[0] in {"The", "A", "An"} and all(word == word.lower() for word in words[1:])


def pairs(title: str, paragraphs: list[str]) -> Iterator[dict[str, str]]:
    """Yield the pairs of an article; none if its title has an unknown word."""
    for number, paragraph in enumerate(paragraphs if UNKNOWN not in title else ()):
        text = "\n\n".join(paragraphs[number : number + 2])
        for sentence in sentences(paragraph):
            if UNKNOWN in sentence.text or not nameless(sentence.text):
                continue
            names = dict.fromkeys(_NAME.findall(text[sentence.end :]))
            words = set(re.findall(r"\w+", f"{title} {text[: sentence.end]}"))
            other = next((name for name in names if not words & set(name.split())), None)
            for label, topic in (("supported", title), ("not_supported", other)):
                for premise in (f"{title}\n\n{text}", text) if topic else ():
                    hypothesis = claim(sentence.text, topic)
                    yield {"premise": premise, "hypothesis": hypothesis, "label": label, "source": "topics"}


def main() -> None:
    """Write the pairs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("texts", nargs="+", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    found = [
        pair for path in options.texts for one in articles(path.read_text(encoding="utf-8")) for pair in pairs(*one)
    ]
    options.out.write_text("".join(f"{json.dumps(pair, ensure_ascii=False)}\n" for pair in found), encoding="utf-8")
    print(f"{len(found)} pairs")


if __name__ == "__main__":
    main()
