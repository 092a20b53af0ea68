"""Sentence splitters by name."""

from __future__ import annotations

from .segmentation import sentences
from .statements import Splitter

NAMES = ("sentencex", "nltk")


def load_splitter(name: str) -> Splitter:
    """The splitter called `name`: the library's own, or NLTK's punkt, with which ALCE's published figures were made.

    Raises:
        ValueError: Where there is no such name, or punkt's data has not been downloaded.
        ImportError: Without nltk; the message has the `pip install` line.
    """
    if name == "sentencex":
        return sentences
    if name != "nltk":
        raise ValueError(f"`name` has to be one of {', '.join(NAMES)}, but is {name!r}")
    try:
        from nltk import sent_tokenize  # noqa: PLC0415  # pyright: ignore[reportMissingImports]  (optional)
    except ImportError as error:
        raise ImportError("the splitter nltk needs NLTK: pip install nltk") from error
    try:
        sent_tokenize("Once.")
    except LookupError as error:
        raise ValueError("the splitter nltk needs its data: python -m nltk.downloader punkt_tab") from error
    return sent_tokenize
