"""Blocks of an answer written in Markdown: prose, headings, rows of tables, code, reference lists.

The block structure is markdown-it's (CommonMark with tables), whose lines are turned into ranges of code points here.
Plain text has paragraphs and nothing else.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache, lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n|\Z)")
# Without a line of this kind a text has no other blocks than paragraphs.
_MARKED = re.compile(
    r"(?m)```|~~~|^[ \t]*(?:#|\||>|[-*+][ \t]|\d{1,9}[.)][ \t]|<|\[|[-=*_]{2,}[ \t]*$)|^(?: {4}|\t)|\|.*\||"
    r"^[ \t]*:?-{2,}:?[ \t]*\|"
)
_PARAGRAPH = re.compile(r"(?:[ \t]*\S[^\r\n]*(?:\r\n|\r|\n|\Z))+")
_DEFINITION = re.compile(r"[ ]{0,3}\[[^\]\r\n]+\]:")
_DELIMITERS = re.compile(r"[\s|:-]*")
_ENDS_SENTENCE = re.compile(r"[.!?…。！？।؟][\s*_\"'”’»)\]]*\Z")
_BOLD_LINE = re.compile(r"(\*\*|__)(?!\s)[^\r\n]+\1[ \t]*:?\s*\Z")
_PROSE_LINE = re.compile(r"\s*[^\W\d_]+(?:[ ,][^\W_]+){2}[^={}<>;()]*[.!?\]]\s*")
# A fence that is opened behind words of its line, as language models write it, opens one all the same.
_LATE_FENCE = re.compile(r"(?<=\S)[ \t](?=(?:```|~~~)[\w+#-]*[ \t]*\r?\n)")
# What a reasoning model thinks before it answers is no part of the answer.
_THOUGHT = re.compile(r"\s*<(think|thinking|thought|reasoning)>.*?</\1>", re.DOTALL | re.IGNORECASE)
_CODE_TAGS = ("<!--", "<pre", "<script", "<style", "<code")

# fmt: off
_REFERENCE_TITLES = {
    "references", "reference", "reference list", "sources", "source", "citations", "bibliography", "works cited",
    "literature", "footnotes", "endnotes", "quellen", "quelle", "quellenangaben", "quellenverzeichnis", "literatur",
    "literaturverzeichnis", "einzelnachweise", "referenzen", "fußnoten", "références", "bibliographie",
    "notes et références", "referencias", "fuentes", "bibliografía", "fonti", "riferimenti", "bibliografia",
    "referências", "bronnen", "источники", "литература", "примечания", "参考文献", "参考资料", "參考文獻", "参考",
    "參考資料", "参考資料", "參考來源", "参考来源", "引用", "引用元", "情報源", "脚注", "来源", "來源",
    "资料来源", "資料來源", "出典", "引用文献", "참고문헌", "출처", "المراجع", "المصادر",
}
# fmt: on
_TITLE_WORDS = {"the", "list", "of", "used", "cited", "consulted", "and", "notes", "key", "all", "my", "document", "&"}
_COUNT = re.compile(r"\s*\(\d+\)\s*\Z")
_TITLE = re.compile(r"[\s#>*_]*([^\r\n:：*_]{2,30}?)[\s*_]*(?:[:：][\s*_]*|(?=[\r\n])|\Z)")


# A line such as `[1] Guide, 2019` at the end of a text that cites [1] before.
_ENTRY = re.compile(r"[\s>*-]*[\[【]\^?(\d{1,3})[\]】][:.]?\s+\S.*")
# `Source: [1]` below a sentence that cites nothing is its citation, and no list.
_SOURCE_NOTE = re.compile(r"[\s>*-]*[^\W\d_]+\s*[:：]\s*(?:[\[【]\^?\d{1,3}(?:[,;–-]\s?\d{1,3})*[\]】][,;\s]*)+\.?\s*")
_NUMBERED = re.compile(r"[\[【]\^?\d{1,3}[\]】,;–-]")
_ADDRESS = re.compile(r"https?://|www\.|doi\.org")
_RULE = re.compile(r"(?m)^[ \t]*([-*_])(?:[ \t]*\1){2,}[ \t]*$")


class Kind(StrEnum):
    """What a block is."""

    PROSE = "prose"
    HEADING = "heading"
    ROW = "row"
    CODE = "code"
    REFERENCES = "references"


@dataclass(frozen=True)
class Block:
    """`text[start:end]`: one paragraph, one item of a list, one heading, one row of a table, or something unread.

    Args:
        kind: What it is. Column titles of a table and rules belong to no block.
        start: First code point.
        end: One past the last, white space at the end left out.
    """

    kind: Kind
    start: int
    end: int


@lru_cache(maxsize=512)
def blocks(text: str) -> tuple[Block, ...]:
    """Return the blocks of `text`, in order; they do not overlap.

    A heading is a title that ends no sentence: one of Markdown, or a line in bold alone. A reference list begins with a
    title such as "References" and ends at the next heading; definitions (`[1]: https://...`, `[^1]: ...`) are
    references as well. An indented block whose lines read like sentences is prose, though CommonMark calls it code.
    """
    thought = _THOUGHT.match(text)
    if thought is not None:
        end = thought.end()
        behind = (replace(block, start=block.start + end, end=block.end + end) for block in blocks(text[end:]))
        return (Block(Kind.CODE, 0, end), *behind)
    found = _parsed(text) if _MARKED.search(text) else _paragraphs(text)
    text_blocks, entries = _without_entries(text, [_trimmed(text, block) for block in found])
    return (*_with_references(text, text_blocks), *entries)


def _paragraphs(text: str) -> Iterator[Block]:
    for match in _PARAGRAPH.finditer(text):
        yield Block(_title_or_prose(match.group()), match.start(), match.end())


def _parsed(text: str) -> Iterator[Block]:
    text = _LATE_FENCE.sub("\n", text)  # of the same length
    starts = [match.start() for match in _LINE.finditer(text)]
    ends = [*starts[1:], len(text)]
    read_to = 0
    in_titles = False
    for token in parser().parse(text):
        if token.type in {"thead_open", "thead_close"}:
            in_titles = token.type == "thead_open"
        if token.map is None or token.type not in _LEAVES or token.map[0] < read_to:
            continue
        first, last = token.map[0], min(token.map[1], len(starts))
        yield from _unparsed(text, starts, ends, read_to, first)
        read_to = last + 1 if in_titles else last
        start, end = starts[first], ends[last - 1]
        if in_titles or token.type == "hr":
            continue
        kind = _kind(token, text[start:end])
        if token.type == "heading_open" and kind is Kind.PROSE and last - first > 1:
            end = starts[last - 1]  # without the line below it
        yield Block(kind, *(_cells(text, start, end) if token.type == "tr_open" else (start, end)))
    yield from _unparsed(text, starts, ends, read_to, len(starts))


_LEAVES = {"paragraph_open", "heading_open", "html_block", "fence", "code_block", "tr_open", "hr"}


def _unparsed(text: str, starts: list[int], ends: list[int], first: int, last: int) -> Iterator[Block]:
    """Yield the lines that the parser keeps to itself: definitions of links and footnotes."""
    for line in range(first, last):
        if text[starts[line] : ends[line]].strip(" \t\r\n>|:-"):
            yield Block(Kind.REFERENCES, starts[line], ends[line])


def _kind(token: Token, source: str) -> Kind:
    if token.type == "fence":
        return Kind.CODE
    if token.type == "code_block":
        return (
            Kind.PROSE
            if all(_PROSE_LINE.fullmatch(line) for line in source.splitlines() if line.strip())
            else Kind.CODE
        )
    if token.type == "html_block":
        return Kind.CODE if source.lstrip().lower().startswith(_CODE_TAGS) else Kind.PROSE
    if token.type == "tr_open":
        return Kind.ROW if "|" in source else Kind.PROSE
    if token.type == "heading_open":
        lines = source.rstrip().splitlines()
        setext = len(lines) > 1 and not lines[-1].strip(" \t>-=")
        title = "\n".join(lines[:-1]) if setext else source
        return Kind.PROSE if _ENDS_SENTENCE.search(title.rstrip()) else Kind.HEADING
    return _title_or_prose(source)


def _title_or_prose(source: str) -> Kind:
    line = source.strip()
    return Kind.HEADING if _BOLD_LINE.fullmatch(line) and not _ENDS_SENTENCE.search(line) else Kind.PROSE


def _cells(text: str, start: int, end: int) -> tuple[int, int]:
    """Return the range of a table's row without the bars at its ends."""
    while start < end and text[start] in " \t>|":
        start += 1
    while end > start and text[end - 1] in " \t\r\n|":
        end -= 1
    return start, end


def _trimmed(text: str, block: Block) -> Block:
    source = text[block.start : block.end]
    return Block(block.kind, block.start, block.start + len(source.rstrip()))


def _without_entries(text: str, found: list[Block]) -> tuple[list[Block], list[Block]]:
    """Return the blocks before a reference list at the end that has no title, and those of the list.

    Its lines name sources that the text before cites, and each has an address, or a rule stands above the first.
    """
    last = len(found)
    while last > 1 and found[last - 1].kind is Kind.PROSE and _entries(text, found[last - 1]):
        last -= 1
    entries = [replace(block, kind=Kind.REFERENCES) for block in found[last:]]
    ruled = bool(entries) and _RULE.search(text, found[last - 1].end, entries[0].start)
    addressed = all(_ADDRESS.search(line) for each in entries for line in text[each.start : each.end].splitlines())
    return (found[:last], entries) if ruled or addressed else (found, [])


def _entries(text: str, block: Block) -> bool:
    """Return whether each line begins with a number; the text before cites it, or an address follows."""
    entries = [_ENTRY.fullmatch(line) for line in text[block.start : block.end].splitlines()]
    before = text[: block.start]
    lines = text[block.start : block.end].splitlines()
    cited = [bool(entry and re.search(rf"[\[【,;\s]{entry[1]}[\]】,;\s]", before)) for entry in entries]
    return any(cited) and all(
        known or (entry and _ADDRESS.search(line)) for known, entry, line in zip(cited, entries, lines, strict=True)
    )


def _with_references(text: str, found: list[Block]) -> Iterator[Block]:
    """Yield the blocks, with those of reference lists marked."""
    inside = False
    notes = _notes(text, found)
    for number, block in enumerate(found):
        source = text[block.start : block.end]
        if number in notes:
            yield block
            continue
        if block.kind in {Kind.PROSE, Kind.HEADING}:
            titled = _is_reference_title(source) and (block.kind is Kind.HEADING or number > 0)
            inside = titled or (inside and block.kind is not Kind.HEADING)
            # A definition needs something before it that it can be a definition for.
            if inside or (number > 0 and all(_DEFINITION.match(line) for line in source.splitlines())):
                yield replace(block, kind=Kind.REFERENCES)
                continue
            cut = _references_within(source) if block.kind is Kind.PROSE else None
            if cut is not None:
                inside = True
                yield _trimmed(text, replace(block, end=block.start + cut))
                yield Block(Kind.REFERENCES, block.start + cut, block.end)
                continue
        yield replace(block, kind=Kind.REFERENCES) if inside else block


def _notes(text: str, found: list[Block]) -> set[int]:
    """Return the numbers of blocks such as `Source: [1]` that stand below more than one paragraph: no list is meant."""
    notes = {n for n, block in enumerate(found) if _SOURCE_NOTE.fullmatch(text[block.start : block.end])}
    return notes if len(notes) > 1 else set()


def _is_reference_title(source: str) -> bool:
    found = _TITLE.match(source)
    if found is None:
        return False
    title = _COUNT.sub("", found[1]).strip().casefold()
    words = title.split()
    return title in _REFERENCE_TITLES or (
        any(word in _REFERENCE_TITLES for word in words)
        and all(word in _TITLE_WORDS or word in _REFERENCE_TITLES for word in words)
    )


def _references_within(source: str) -> int | None:
    """Return where a reference list begins that follows a paragraph without an empty line."""
    lines = [match.span() for match in _LINE.finditer(source)]
    since = 0
    for start, end in lines[1:]:
        if _SOURCE_NOTE.fullmatch(source[start:end]) and not _NUMBERED.search(source, since, start):
            since = end
        elif source[start:end].strip() and _is_reference_title(source[start:end]):
            return start
    return None


def block_at(found: tuple[Block, ...], position: int) -> Block | None:
    """Return the block that holds the character at `position`, `None` if none does."""
    number = bisect_right(found, position, key=lambda block: block.start) - 1
    return found[number] if number >= 0 and position < found[number].end else None


@cache
def parser() -> MarkdownIt:
    """Return the parser: CommonMark with tables."""
    from markdown_it import MarkdownIt  # noqa: PLC0415

    return MarkdownIt("commonmark").enable("table")
