"""Full stops that end no sentence, in European languages: abbreviations and ordinal numbers."""

from __future__ import annotations

import re

# fmt: off
_BEFORE_NUMBERS = {
    "no", "nos", "nr", "num", "núm", "vol", "vols", "bd", "ch", "chap", "kap", "cap", "fig", "figs", "abb", "tab",
    "eq", "eqs", "sec", "sect", "para", "par", "p", "pp", "pg", "pag", "pág", "págs", "blz", "s", "ss", "l", "ll",
    "str", "kl", "tel", "č", "obr", "art", "abs", "ziff", "rn", "ver", "v", "ed", "op", "est", "approx", "ca", "c",
    "circa", "fl", "b", "d", "r", "jan", "feb", "mar", "apr", "jun", "jul", "aug", "sep", "sept", "oct", "okt", "nov",
    "dec", "dez", "рис", "стр", "гл", "п", "пп", "ст", "см", "с", "т", "тт", "вып", "табл", "ок",
}
"""Before the number that they belong to, these end no sentence."""

_NEVER_LAST = {
    "approx", "vs", "viz", "cf", "e.g", "i.e", "esp", "incl", "resp", "dr", "mr", "mrs", "ms", "prof", "rev", "gen",
    "col", "sgt", "lt", "capt", "gov", "sen", "rep", "hon", "messrs", "mme", "mlle", "sr", "sra", "srta", "sig",
    "dhr", "mevr", "hr", "ul", "им", "ул", "bzw", "z.b", "d.h", "u.a", "o.a", "inkl", "zzgl", "evtl", "ggf", "sog",
    "bijv", "p.ej", "av", "geb", "gest", "gegr", "t.ex", "bl.a", "f.eks", "d.v.s", "d.w.z", "např", "tj", "tzn",
}
"""These never end one."""

_BEFORE_LOWER = {
    "etc", "inc", "ltd", "corp", "co", "bros", "jr", "sr", "ave", "blvd", "rd", "dept", "univ", "assn", "ph.d", "m.d",
    "b.a", "m.a", "u.s", "u.k", "a.m", "p.m", "max", "min", "avg", "sq", "usw", "usf", "ecc", "т.д", "т.п", "др",
}
"""These end none if it goes on in lower case."""

_MILLIONS = {"mio", "mrd", "tsd"}
_BEFORE_ORDINALS = {
    "am", "der", "die", "das", "dem", "den", "des", "im", "vom", "zum", "zur", "beim", "bis", "ab", "seit", "det",
    "jeden", "ein", "eine", "einem", "einen", "einer", "eines", "sein", "seine", "seinem", "seinen", "seiner",
    "seines", "ihr", "ihre", "ihrem", "ihren", "ihrer", "ihres",
}
"""Behind these an ordinal number ends no sentence: "der 2. Weltkrieg"."""
# fmt: on

_NUMBER = re.compile(r"\s*(?:[\[(]?\d|№|[IVXLC]+\b)")
_AUTHORS = re.compile(r"\bet al\.\W*(?:\[[^\]]*\]|\(\d{4}\w?\))?\s*\Z")
_SHORT = re.compile(r"\d?[^\W\d_]{1,3}")
_ROMAN = re.compile(r"[IVX]{1,5}")
_MONTH = re.compile(
    r"\s*(?:jan|feb|febr|mär|maerz|mar|apr|mai|maj|jun|jul|aug|sep|sept|okt|oct|nov|dez|dec)[a-zäöüé]*\.?\b|"
    r"\s*(?:jahrhundert|jh)\b",
    re.IGNORECASE,
)
_LETTER = re.compile(r"\s*[^\W\d_]")
_PARAGRAPH_END = re.compile(r"\n[^\S\n]*\n")
# Longer than any abbreviation with a citation behind it.
_BEFORE, _BEHIND = 40, 20


def sentence_goes_on(text: str, place: int) -> bool:
    """Return whether the sentence before `place` goes on behind it, because its full stop belongs to a word."""
    before, behind = text[max(0, place - _BEFORE) : place], text[place : place + _BEHIND]
    written = before.rstrip()
    if _PARAGRAPH_END.search(before[len(written) :] + behind[: len(behind) - len(behind.lstrip())]):
        return False
    letter = _LETTER.match(behind)
    goes_lower = letter is not None and letter.group()[-1].islower()
    if written.endswith(".") and _belongs_to_word(written[:-1].split(), behind, goes_lower=goes_lower):
        return True
    return "et al." in written and bool(_AUTHORS.search(written)) and (goes_lower or behind.lstrip()[:1] in {"(", "["})


def _belongs_to_word(words: list[str], behind: str, *, goes_lower: bool) -> bool:
    """Return whether the full stop behind the last of `words` belongs to it."""
    if not words:
        return False
    last = words[-1].lstrip("([{\"'“„«‘")
    plain, previous = last.casefold(), words[-2].casefold() if len(words) > 1 else ""
    # "z. B." is written with a blank as well.
    forms = {plain, previous + plain if previous.endswith(".") else plain}
    if forms & _NEVER_LAST or (plain in _MILLIONS and previous[-1:].isdigit()):
        return True
    if plain in _BEFORE_NUMBERS and _NUMBER.match(behind):
        return True
    if plain.isdigit() and len(plain) <= 2:
        return previous in _BEFORE_ORDINALS or bool(_MONTH.match(behind))
    if not goes_lower:
        return False
    # "5 min. later", "1905 r. była", "Ludwig II. starb"
    measured = bool(_SHORT.fullmatch(last)) and (previous[-1:].isdigit() or last[0].isdigit())
    return measured or bool(_ROMAN.fullmatch(last)) or bool(forms & _BEFORE_LOWER)
