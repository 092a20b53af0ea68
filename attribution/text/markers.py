"""Citation markers in an answer, in every notation that can mean nothing else, and where they stand.

These are `[1]`, `[1][2]`, `[1, 2]`, `[1-3]` with the brackets, separators, blanks, dashes and digits of other scripts
and keyboards, circled ones among them; `[^1]`, `[Doc 1]`, `[citation:1]`, `【1†source】`, `\\[1\\]`, `[[1]]`,
`[1](https://...)`; superscript digits behind a punctuation mark. :func:`unread_citations` finds what only looks like
a citation.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from .markdown import Kind, block_at, blocks

Range = tuple[int, int]

MAX_RANGE = 20
"""A range of more documents than this names none: nobody means twenty-one sources for one statement."""

YEAR_DIGITS = 4
"""A number of so many digits is a year, unless there are so many documents."""

_SUPER = "⁰¹²³⁴⁵⁶⁷⁸⁹"
_BLANK = r"[\s\u200b-\u200d\u2060\ufeff]*+"
_CIRCLED = "①-⑳⑴-⒇❶-❿➀-➉➊-➓"
_NUMBER = rf"(?:[\d{_SUPER}]{{1,6}}|[{_CIRCLED}])"
_DASH = "[-‐‑‒–—―−~～〜⁻]"
_AND = r"(?:and|und|et|y|e|и|&)"
_SEPARATOR = (
    rf"(?:{_BLANK}[,;，；、،؛˒⸴]{_BLANK}(?:{_AND}\s+)?|"
    rf"\s+{_AND}\s+|(?<=[\d{_SUPER})])\s+(?=[\d{_SUPER}]))"
)
_TO = rf"(?:{_BLANK}(?:{_DASH}|\.{{2,3}}|…){_BLANK}|\s+(?:to|through|thru|until|bis|à|al?|hasta|t/m|до|至|到)\s+)"
_LABELS = (
    r"(?:documents?|docs?|sources?|src|passages?|references?|refs?|citations?|cites?|chunks?|contexts?|snippets?|"
    r"(?:web |search )?results?|excerpts?|extracts?|evidence|files?|texts?|papers?|footnotes?|fn|ids?|web|"
    r"dokumente?|quellen?|fußnoten?|auszug|documentos?|fuentes?|fonti|fontes?|bron(?:nen)?|źródł[oa]|käll[ao]r?|kilder?|"
    r"источник[аи]?|документы?|来源|來源|资料|資料|文献|文獻|参考|文档|文件|出典|脚注|注|출처|문서|자료|المصدر|مصدر|स्रोत)"
)
_LABEL = rf"(?:\^|#|(?:(?:see|cf|vgl|siehe)\b[.:]?\s*)?(?:{_LABELS}[\s:.#_(-]*+){{1,2}}|(?:see|cf|vgl|siehe)\b[.:]?\s*)"
_PAGE = (
    r"(?:[,:;]?\s*(?<![^\W\d_])(?:pp?|pages?|pgs?|S|§+|sections?|secs?|paras?|lines?|L|ch|chap|chapters?|kap|kapitel|"
    r"abschnitt|tab|tables?|figs?|figures?|abb|art)\.?\s*\d{1,4}(?:\s*[-–]\s*\d{1,4})?)"
)
_PART = rf"{_LABEL}?{_NUMBER}[)^]?(?:{_TO}{_LABEL}?{_NUMBER})?{_PAGE}?(?:†[^\]】］\n]{{0,40}}+)?"
_PARTS = rf"{_BLANK}{_PART}(?:{_SEPARATOR}{_PART})*(?:{_BLANK}[,;，；、])?{_BLANK}"
# `[Source 1: The guide]`, where the words behind the number are its name.
_NAMED = rf"{_BLANK}{_LABELS}[\s#]*+{_NUMBER}:[^\[\]\n]{{1,80}}"
_BRACKETS = (
    *((r"\\\[\\\[", r"\\\]\\\]"), (rf"\[{_BLANK}\\?\[", rf"\\?\]{_BLANK}\]"), (r"\\\[", r"\\\]"), (r"\[", r"\]")),
    *(("【", "】"), ("［", "］"), ("〔", "〕"), ("〖", "〗")),
)
_LINK = r"(?:\(<[^<>\n]*>(?:\s+\"[^\"\n]*\")?\)|\([^\s()]*(?:\([^\s()]*\)[^\s()]*)*(?:\s+\"[^\"\n]*\")?\))"
_PUNCTUATION = "[.!?,;:…。！？、，।؟”’»]"
_MARKER = re.compile(
    "|".join(
        [
            *(rf"{opening}(?P<b{n}>{_PARTS}){closing}" for n, (opening, closing) in enumerate(_BRACKETS)),
            rf"\[(?P<named>{_NAMED})\]",
            rf"<(?P<tag>cite|citation|source|ref|footnote)\b[^<>]{{0,200}}>(?P<element>{_PARTS})</(?P=tag)>",
            rf"<(?:cite|citation|source|ref)\s+\w+=[\"']?(?P<empty>{_PARTS})[\"']?\s*(?:/>|></\w+>)",
            rf"<a\b[^<>]{{0,200}}>(?P<anchor>{_PARTS})</a>",
            rf"<(?P<classed>sup|span)\b[^<>]{{0,80}}(?:cit|ref|foot|fn)[^<>]{{0,80}}>(?P<inner>{_PARTS})</(?P=classed)>",
            rf"<sup>\s*<a\b[^<>]{{0,200}}>\s*(?P<raised>{_PARTS})</a>\s*</sup>",
            rf"\\(?:cite[pt]?|footnotemark)\*?(?:\[[^\[\]\n]{{0,40}}\])?\{{(?P<latex>{_PARTS})\}}",
            rf"(?<={_PUNCTUATION})<sup>(?P<sup>{_PARTS})</sup>",
            rf"(?<={_PUNCTUATION})\^(?P<caret>{_PARTS})\^",
            rf"(?<={_PUNCTUATION})(?P<super>[{_SUPER}]+(?:(?:[,˒⸴⁻–-]|, ?| )[{_SUPER}]+)*)",
        ]
    ),
    re.IGNORECASE,
)
_TAG_GROUPS = {"tag", "classed"}
_LINKED = re.compile(_LINK)
_RANGE = re.compile(rf"({_NUMBER})[)^]?{_TO}{_LABEL}?({_NUMBER})", re.IGNORECASE)
# Markers are not read in code, in formulas, or in the words and the address of a link.
_NOT_PROSE = re.compile(
    r"(?<!`)(?P<ticks>`+)(?!`)(?:(?!\n\s*\n).)*?(?<!`)(?P=ticks)(?!`)|"
    rf"!?\[(?!{_PARTS}\])[^\[\]\n]*\]{_LINK}|!\[[^\[\]\n]*\]{_LINK}|"
    r"<(?P<code>code|pre|kbd|samp|script|style)\b[^<>]{0,200}>.{0,2000}?</(?P=code)>|"
    rf"\$\$[^$]*+\$\$|\$(?! )(?=[^$\n]*?[\\^_=∈])[^$\n]*+\$|"
    rf"\\\(.{{0,500}}?\\\)|\\\[(?!(?:\\\[)?{_PARTS}\\\]).{{0,500}}?\\\]",
    re.DOTALL | re.IGNORECASE,
)
_INTERVAL = re.compile(
    r"(?:∈|\b(?:intervals?|ranges?|vectors?|matrix|arrays?|tuples?|lists?|sequences?|between|vektor|intervall|vecteur|intervalle|"
    r"between\s+\[[^\[\]]*\]\s+and))\s*\Z",
    re.IGNORECASE,
)
# `x = [1]`, `"a": [1]`, `a[1]`, `my_list[1]`
_ASSIGNED = re.compile(r"(?:[\w\])]\s*=\s*|[\"']\s*:\s*|(?<![\w'’])[a-z]|[^\W_]_\w+)\Z")
_EMPHASIS = ("***", "**", "__", "*")
_WRAPPERS = (*((mark, mark) for mark in (*_EMPHASIS, "^")), ("<", ">"))
_OPENING_BRACKET = re.compile(
    r"(?P<bracket>[(（\[])\s*(?:(?:see|cf\.|vgl\.|siehe|e\.g\.,?|z\. ?B\.)?\s*(?:" + _LABELS + r"\.?)?\s*:?\s*)?\Z",
    re.IGNORECASE,
)
_CLOSING_BRACKETS = {"(": ")", "（": "）", "[": "]"}
_OPENING_TAG = re.compile(
    r"<(sup|sub|a|span|small|cite|ref|b|i|em|strong|mark)(?:\s[^<>]{0,200})?>\s*\Z", re.IGNORECASE
)
_JOINED = re.compile(r"[,;，；、/^]?\s*(?:and|und|et|y|e|и|&)?")
_ATTRIBUTES = re.compile(r"\{[.#][^{}\n]{0,40}\}")  # of Pandoc
_SOURCE_LABEL = re.compile(rf"(?i)(?:(?<=[.!?…。！？\"'”’»)])\s+|\n\s*|\A\s*){_LABELS}\s*[:：]\s*\Z")
_CITE_START = re.compile(r"\[cite_start\]")  # of Gemini: where the words that are cited begin
_LINE_START = re.compile(r"(?:\A|\n)[ \t>*•–+-]*\Z")
_DASHES = re.compile(rf"[^\S\r\n]*{_DASH}[^\S\r\n]*")  # one on a line of its own begins an item of a list
_STOP = re.compile(r"[.!?…。！？][\"'”’»)]*\s*\Z")
_UNREAD = re.compile(
    r"\[(?![ xX]?\])(?:[^\[\]\n]{0,60}\d[^\[\]\n]{0,60})\](?![(:])|【[^【】\n]{1,60}】|"
    r"\((?:see\s+)?(?:sources?|docs?|documents?|refs?|references?|quellen?)[\s:.][^()\n]{1,60}\)|"
    r"<(?:cite|citation|source|ref|doc|document)\b[^<>\n]{0,60}\d[^<>\n]{0,60}>|(?:&#91;|&lbrack;)\d{1,3}(?:&#93;|&rbrack;)|"
    r"<(?P<own>doc|document|chunk|passage|context|id)>\s*\d{1,3}\s*</(?P=own)>|"
    r"\((?:see|vgl\.|siehe|cf\.|cite|cit\.|voir|ver|vedi|zie)\s\d{1,3}(?:[,;]\s?\d{1,3})*\)|"
    r"（(?:来源|來源|见|見|参见|參見|文档|文檔|出典|資料|参照|출처)\s?\d{1,3}）|"
    r"\[(?:sources?|quellen?|refs?|references?|docs?|documents?|fuentes?|fontes?|fonti|bron(?:nen)?):\s[^\[\]\n]{1,60}\](?!\()|"
    r"\ue200[^\ue201\n]{1,80}\ue201|\bcite(?:turn\d+\w+\d+)+|\\cite\w*\{[^{}\n]{1,80}\}|"
    r"\[[^\[\]\n]{1,60}\.(?:pdf|md|txt|html?|docx?|csv|json)(?:[,:# ][^\[\]\n]{0,30})?\]",
    re.IGNORECASE,
)
LINKS_IN_BRACKETS = re.compile(r"\((?:\[[^\[\]\n]{1,120}\]\(https?://[^()\s]+\)[,; ]*)+\)")
"""Names of pages with their addresses, as answers that were searched for on the web cite them."""

_AMBIGUOUS = re.compile(
    rf"(?<=\w\s)\(\d{{1,3}}(?:, ?\d{{1,3}})*\)(?=[.,;:!?\s]|\Z)|(?<=[^\W\d_]{{4}})[{_SUPER}]+|"
    rf"<sup\b[^<>]*>\s*\d[^<]*</sup>|"
    rf"(?<=\w)\^\[?\d{{1,2}}\]?\^|\{{\d{{1,3}}\}}|[<〈《⟦]\d{{1,3}}[>〉》⟧]|（\d{{1,3}}(?:[,，、]\s?\d{{1,3}})*）|"
    rf"[⟨‹«『「]\d{{1,3}}[⟩›»』」]|(?<=[^\W\d_]{{3}})\s?[(（{{][SDQPRCT]\d{{1,2}}[)）}}](?=[\s.,;:!?]|\Z)|"
    rf"(?<=[^\W\d_]{{4}})\s[{_SUPER}]+(?=[\s.,;:!?]|\Z)|⁽[{_SUPER}]+⁾|(?<=[^\W\d_]{{3}})[†‡](?=[\s.,;:!?]|\Z)|"
    rf"\{{(?:doc|document|source|ref)[ _:]\d{{1,3}}\}}|"
    rf"(?<={_PUNCTUATION})\^\d{{1,2}}\b|\^\d{{1,2}}\^|(?<=\S)\s?[{_CIRCLED}](?!\s?\w)"
)
_AUTHOR_YEAR = re.compile(
    r"[(（](?:see\s+)?[^\W\d_][^()（）\d]{1,60}(?:,|\bet al\.,?) ?(?:19|20)\d\d[a-z]?(?:[,;:][^()（）]{1,80})?[)）]"
)
# Years, times and decimals look like no citation.
_OTHER_NUMBERS = re.compile(r"\[(?:(?:ca?\.\s*)?\d{4}(?:\s*[-–—/]\s*\d{2,4})?|\d+[.,]\d+|\d{1,2}:\d\d)\]")


@dataclass(frozen=True)
class Marker:
    """One citation marker.

    Args:
        start: First code point of the marker.
        end: One past its last, the address of a link included.
        text: The marker itself.
        ids: The numbers it names, in order, ranges written out, repetitions kept; numbers of documents that do not
            exist are among them.
        broken: The parts that name no number: ranges that run backwards or are wider than :data:`MAX_RANGE`.
    """

    start: int
    end: int
    text: str
    ids: tuple[int, ...]
    broken: tuple[str, ...] = ()


def markers(text: str, n_documents: int | None = None) -> list[Marker]:
    """Return the citation markers of `text`, in order.

    `[2019]` and `[1990-2000]` are years, `[0, 1]` is an interval, and code, formulas, words that are links, reference
    lists and images hold no markers.

    Args:
        text: The answer.
        n_documents: How many documents there are, if known: numbers of four digits are markers if there are so many.
    """
    return list(_markers(text, n_documents))


@lru_cache(maxsize=512)
def _markers(text: str, n_documents: int | None) -> tuple[Marker, ...]:
    not_prose = [match.span() for match in _NOT_PROSE.finditer(text)]
    begins = [start for start, _ in not_prose]
    structure = blocks(text)

    def in_prose(position: int) -> bool:
        before = bisect_right(begins, position) - 1
        block = block_at(structure, position)
        unread = block is not None and block.kind in {Kind.CODE, Kind.REFERENCES}
        return not unread and (before < 0 or position >= not_prose[before][1])

    found: list[Marker] = []
    for match in _MARKER.finditer(text):
        marker = _read(text, match, n_documents) if in_prose(match.start()) else None
        if marker is not None and found and _DASHES.fullmatch(text, found[-1].end, marker.start):
            found[-1:] = _spanned(text, found[-1], marker)
        elif marker is not None:
            found.append(marker)
    return tuple(found)


def _spanned(text: str, first: Marker, last: Marker) -> list[Marker]:
    """Return `[1]-[3]` as one marker of a range, two markers if they are none."""
    if len(first.ids) != 1 or len(last.ids) != 1 or not first.ids[0] < last.ids[0] < first.ids[0] + MAX_RANGE:
        return [first, last]
    ids = tuple(range(first.ids[0], last.ids[0] + 1))
    return [Marker(first.start, last.end, text[first.start : last.end], ids)]


def _read(text: str, match: re.Match[str], n_documents: int | None) -> Marker | None:
    """Return the marker, `None` if the numbers are years or an interval."""
    kind, content = next(
        (name, value) for name, value in match.groupdict().items() if value and name not in _TAG_GROUPS
    )
    start, end = match.span()
    if kind == "named":
        content = content.partition(":")[0]
    if kind in {"b0", "b1", "b2", "b3", "named"}:
        link = _LINKED.match(text, end)
        if link and text[start - 1 : start] == "!":
            return None  # an image
        end = link.end() if link else end
    attributes = _ATTRIBUTES.match(text, end)
    end = attributes.end() if attributes else end
    ids: list[int] = []
    broken: list[str] = []
    if kind in {"b2", "b3"} and _ASSIGNED.search(text, max(0, start - 40), start):
        return None
    content = re.sub(_PAGE, "", content, flags=re.IGNORECASE)  # a page is no document
    parts = [part.partition("†")[0] for part in re.split(_SEPARATOR, content) if re.search(_NUMBER, part)]
    for part in parts:
        limits = _RANGE.search(part)
        numbers = [_value(number) for number in (limits.groups() if limits else re.findall(_NUMBER, part))]
        if any(number >= 10 ** (YEAR_DIGITS - 1) and number > (n_documents or 0) for number in numbers):
            return None
        if limits is None:
            ids.extend(_split(numbers, content, n_documents))
        elif numbers[0] <= numbers[1] < numbers[0] + MAX_RANGE:
            ids.extend(range(numbers[0], numbers[1] + 1))
        else:
            broken.append(part.strip())
    if len(parts) > 1 and not re.search(r"[^\s\d]", content) and max(ids, default=0) > (n_documents or MAX_RANGE):
        return None  # a vector
    if len(parts) > 1 and (ids[:1] == [0] or _INTERVAL.search(text, max(0, start - 40), start)):
        return None
    return Marker(start, end, text[start:end], tuple(ids), tuple(broken))


def _value(digits: str) -> int:
    if len(digits) == 1:
        return int(unicodedata.numeric(digits))  # ⑫ is one character, and no digit
    return int("".join(str(unicodedata.digit(digit)) for digit in digits))


def _split(numbers: list[int], content: str, n_documents: int | None) -> list[int]:
    """Return the numbers; superscripts that run together are several if there are not so many documents."""
    (number,) = numbers
    digits = [int(digit) for digit in str(number)]
    together = n_documents is not None and number > n_documents and all(1 <= digit <= n_documents for digit in digits)
    return digits if together and set(content) <= set(_SUPER) else numbers


def cuts(text: str, found: Sequence[Marker]) -> list[Range]:
    """Return the ranges of `text` to leave out so that no marker, and nothing that only belongs to markers, is left.

    That is the markers themselves, the white space before them, commas between neighbouring ones, emphasis, tags and
    parentheses around them, a second full stop behind them, and the colon behind one that begins a line.
    """
    ranges: list[Range] = []
    for marker in found:
        behind = ranges[-1][1] if ranges else 0
        gap = text[behind : marker.start]
        if ranges and _JOINED.fullmatch(gap.strip()) and "\n" not in gap:
            ranges[-1] = (ranges[-1][0], marker.end)
        else:
            ranges.append((marker.start, marker.end))
    wrapped = [_wrapped(text, start, end) for start, end in ranges]
    widened: list[Range] = []
    for begin, end in wrapped:
        if widened and begin <= widened[-1][1]:
            widened[-1] = (widened[-1][0], max(end, widened[-1][1]))
            continue
        floor = widened[-1][1] if widened else 0
        start = floor + len(text[floor:begin].rstrip())
        doubled = text[end : end + 1] == "." and text[end : end + 2] != ".." and _STOP.search(text, floor, start)
        labels = text[end : end + 2] in {": ", "：", ") "} and _LINE_START.search(text, floor, begin)
        if text[end : end + 1].isalnum():
            start = begin  # the blank parts two words
        widened.append((start, end + 1 if doubled or labels else end))
    return widened


def _wrapped(text: str, start: int, end: int) -> Range:
    """Return the range with what stands around markers alone."""
    while True:
        tag = _OPENING_TAG.search(text, max(0, start - 220), start)
        around = [(tag.group(), f"</{tag[1]}>"), *_WRAPPERS] if tag else [*_WRAPPERS]
        bracket = _OPENING_BRACKET.search(text, max(0, start - 20), start)
        if bracket:
            around.append((bracket.group(), _CLOSING_BRACKETS[bracket["bracket"]]))
        label = _SOURCE_LABEL.search(text, max(0, start - 30), start)
        if label:
            start = label.start() + len(label.group()) - len(label.group().lstrip())
        for opening, closing in around:
            if text.endswith(opening, 0, start) and text[end : end + len(closing)].lower() == closing.lower():
                start, end = start - len(opening), end + len(closing)
                break
        else:
            return start, end


def kept(start: int, end: int, left_out: Sequence[Range]) -> tuple[Range, ...]:
    """Return the parts of `[start, end)` that lie in none of the ranges `left_out`, which are in order and disjoint."""
    parts = []
    for cut_start, cut_end in [*left_out, (end, end)]:
        if cut_end <= start:
            continue
        if min(cut_start, end) > start:
            parts.append((start, min(cut_start, end)))
        start = max(start, cut_end)
    return tuple(parts)


def without_markers(text: str) -> str:
    """Return `text` without its markers and what only belongs to them; see :func:`cuts`."""
    text = _CITE_START.sub("", text)
    # What stands around a marker may be one without it: `[1 [2], 3]`.
    while found := markers(text):
        text = "".join(text[start:end] for start, end in kept(0, len(text), cuts(text, found)))
    return text


def unread_citations(text: str, n_documents: int) -> list[str]:
    """Return what looks like a citation of `text` but is not read as one, in order.

    These are brackets with a number beside other things (`[Guide 3]`, `【4:0†source】`, `[0, 1]`) and words such as
    `(source: doc1)`; if no marker was read, also numbers in parentheses, superscripts and circled numbers behind words,
    names with years (`(Lee et al., 2020)`), and the markers of a reference list, which mean other things as often.
    """
    found = markers(text, n_documents)
    taken = [(marker.start, marker.end) for marker in found]
    links = [m.span() for m in LINKS_IN_BRACKETS.finditer(text) if not any(m.start() < a < m.end() for a, _ in taken)]
    taken += [match.span() for match in _NOT_PROSE.finditer(text)]
    structure = blocks(text)
    patterns = [_UNREAD] if found else [_UNREAD, _AUTHOR_YEAR, _AMBIGUOUS]

    def candidates() -> Iterator[Range]:
        for pattern in patterns:
            for match in pattern.finditer(text):
                block = block_at(structure, match.start())
                unread = block is not None and (
                    block.kind is Kind.CODE or (block.kind is Kind.REFERENCES and bool(found))
                )
                clear = all(match.end() <= start or match.start() >= end for start, end in taken)
                numbers = [_value(number) for number in re.findall(_NUMBER, match.group())]
                fits = pattern is not _AMBIGUOUS or not numbers or any(1 <= number <= n_documents for number in numbers)
                if clear and fits and not unread and not _OTHER_NUMBERS.fullmatch(match.group()):
                    yield match.span()

    return [text[start:end].strip() for start, end in sorted({*candidates(), *links})]
