"""Full stops that end no sentence, in European languages: abbreviations and ordinal numbers."""

from __future__ import annotations

import re

# Before the number that they belong to, these end no sentence.
_BEFORE_NUMBERS = (
    "no|nos|nr|num|núm|vol|vols|bd|ch|chap|kap|cap|fig|figs|abb|tab|eq|eqs|sec|sect|para|par|p|pp|pg|pag|pág|págs|blz|s|"
    "ss|l|ll|str|kl|tel|č|obr|"
    "art|arts|abs|ziff|rn|ver|v|ed|op|est|approx|app|ca|c|circa|fl|b|d|r|born|died|jan|feb|mar|apr|jun|jul|aug|sep|sept|"
    "oct|okt|nov|dec|dez|рис|стр|гл|п|пп|ст|см|с|т|тт|вып|табл|ок"
)
# These never do, whatever follows.
_NEVER_LAST = (
    "approx|vs|viz|cf|e\\.g|i\\.e|esp|incl|resp|dr|mr|mrs|ms|prof|rev|gen|col|sgt|lt|capt|gov|sen|rep|hon|messrs|mme|"
    "mlle|sr|sra|srta|sig|dhr|mevr|hr|ul|им|ул|bzw|z\\. ?b|d\\. ?h|u\\. ?a|o\\. ?a|inkl|zzgl|evtl|ggf|sog|bijv|"
    "p\\. ?ej|av|geb|gest|gegr|ten|t\\. ?ex|bl\\. ?a|f\\. ?eks|d\\. ?v\\. ?s|např|tj|tzn|np|wg"
)
_BEFORE_NUMBER = re.compile(rf"(?<!\w)(?:{_BEFORE_NUMBERS})\.\s*\Z", re.IGNORECASE)
_NUMBER = re.compile(r"\s*(?:[\[(]?\d|№|[IVXLC]+\b)")
_ABBREVIATION = re.compile(rf"(?<!\w)(?:{_NEVER_LAST})\.\s*\Z|\d\s?(?:mio|mrd|tsd)\.\s*\Z", re.IGNORECASE)
# These end none if it goes on in lower case.
_BEFORE_LOWER = re.compile(
    r"(?<!\w)(?:etc|inc|ltd|corp|co|bros|jr|sr|ave|blvd|rd|dept|univ|assn|ph\.d|m\.d|b\.a|m\.a|u\.s|u\.k|a\.m|p\.m|max|min|"
    r"avg|sq|usw|usf|ecc|т\. ?д|т\. ?п|др)\.\s*\Z",
    re.IGNORECASE,
)
_AUTHORS = re.compile(r"\bet al\.\W*(?:\[[^\]]*\]|\(\d{4}\w?\))?\s*\Z")
# "5 min. later", "1905 r. była", "Ludwig II. starb"
_SHORT = re.compile(r"\d\s?[^\W\d_]{1,3}\.\s*\Z|\b[IVX]{1,5}\.\s*\Z")
_LETTER = re.compile(r"\s*[^\W\d_]")
# An ordinal number ends no sentence behind an article or a preposition ("der 2. Weltkrieg"), or before a month.
_ORDINAL = re.compile(
    r"(?<!\w)(?:(?:am|der|die|das|dem|den|des|im|vom|zum|zur|beim|bis|ab|seit|det|jeden|ein|eine[mnrs]?|sein|"
    r"seine[mnrs]?|ihre?[mnrs]?)\s+)\d{1,2}\.\s*\Z",
    re.IGNORECASE,
)
_DAY = re.compile(r"(?<![\w.,])\d{1,2}\.\s*\Z")
_MONTH = re.compile(
    r"\s*(?:jan|feb|febr|mär|maerz|mar|apr|mai|maj|jun|jul|aug|sep|sept|okt|oct|nov|dez|dec)[a-zäöüé]*\.?\b|"
    r"\s*(?:jahrhundert|jh)\b",
    re.IGNORECASE,
)
_PARAGRAPH_END = re.compile(r"\n[^\S\n]*\n")
# Longer than any abbreviation with a citation behind it.
_BEFORE, _BEHIND = 40, 20


def sentence_goes_on(text: str, place: int) -> bool:
    """Return whether the sentence before `place` goes on behind it, because its full stop belongs to a word."""
    before, behind = text[max(0, place - _BEFORE) : place], text[place : place + _BEHIND]
    if _PARAGRAPH_END.search(before[len(before.rstrip()) :] + behind[: len(behind) - len(behind.lstrip())]):
        return False
    if _ABBREVIATION.search(before) or _ORDINAL.search(before):
        return True
    if _BEFORE_NUMBER.search(before) and _NUMBER.match(behind):
        return True
    if _DAY.search(before) and _MONTH.match(behind):
        return True
    letter = _LETTER.match(behind)
    goes_lower = letter is not None and letter.group()[-1].islower()
    if goes_lower and (_SHORT.search(before) or _BEFORE_LOWER.search(before)):
        return True
    return bool(_AUTHORS.search(before)) and (goes_lower or behind.lstrip()[:1] in {"(", "["})
