"""Stops that end no sentence: those of abbreviations, ordinal numbers, initials, and of words that are quoted."""

from __future__ import annotations

import re

# fmt: off
_BEFORE_NUMBERS = {
    "no", "nos", "nr", "num", "núm", "vol", "vols", "bd", "ch", "chap", "kap", "cap", "fig", "figs", "abb", "tab",
    "eq", "eqs", "sec", "sect", "para", "par", "p", "pp", "pg", "pag", "pág", "págs", "blz", "s", "ss", "l", "ll",
    "str", "kl", "tel", "č", "obr", "art", "abs", "ziff", "rn", "ver", "v", "ed", "op", "est", "approx", "ca", "c",
    "circa", "fl", "b", "d", "r", "jan", "feb", "mar", "apr", "jun", "jul", "aug", "sep", "sept", "oct", "okt", "nov",
    "dec", "dez", "рис", "стр", "гл", "п", "пп", "ст", "см", "с", "т", "тт", "вып", "табл", "ок", "янв", "февр", "фев",
    "мар", "апр", "авг", "сент", "сен", "окт", "нояб", "дек", "al", "max", "min", "rd", "aprox", "env", "gem", "fn",
    "anm", "rz", "lfd", "ex", "apt", "m.ö", "m.s", "σελ", "रु", "rs", "eur", "usd", "janv", "févr", "avr", "juil",
    "déc", "ene", "abr", "dic", "giu", "lug", "ott",
}
"""Before the number that they belong to, these end no sentence."""

_NEVER_LAST = {
    "approx", "vs", "viz", "cf", "e.g", "i.e", "esp", "incl", "resp", "dr", "mr", "mrs", "ms", "prof", "rev", "gen",
    "col", "sgt", "lt", "capt", "gov", "sen", "rep", "hon", "messrs", "mme", "mlle", "sr", "sra", "srta", "sig",
    "dhr", "mevr", "hr", "ul", "им", "ул", "bzw", "z.b", "d.h", "u.a", "o.a", "inkl", "zzgl", "evtl", "ggf", "sog",
    "bijv", "p.ej", "av", "geb", "gest", "gegr", "t.ex", "bl.a", "f.eks", "d.v.s", "d.w.z", "např", "tj", "tzn", "vgl",
    "fa", "dipl", "dipl.-ing", "lic", "bgm", "hl", "i.d", "s.o", "v.a", "a.d", "z.t", "o.g", "dott",
    "prof.ssa", "pr", "esim", "avv", "avda", "dña", "c.-à-d", "ee", "tbsp", "tsp", "κ", "δρ", "डॉ", "श्री", "प्रो",
}
"""These never end one."""

_BEFORE_LOWER = {
    "etc", "inc", "ltd", "corp", "co", "bros", "jr", "sr", "ave", "blvd", "rd", "dept", "univ", "assn", "ph.d", "m.d",
    "b.a", "m.a", "u.s", "u.k", "a.m", "p.m", "max", "min", "avg", "sq", "usw", "usf", "ecc", "т.д", "т.п", "др", "mon",
    "tue", "tues", "wed", "thu", "thur", "thurs", "fri", "sat", "sun", "jh", "jhdt", "chr", "uu", "ee.uu", "suiv",
    "hab", "млн", "тыс", "руб", "коп", "ud", "uds", "vd", "st", "std", "j.-c", "a.c", "d.c", "av.j.-c", "tel", "ext",
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
# "1. FC Köln" is a name, "2. Weltkrieg" the second one.
_CLUB = re.compile(r"\s*(?:F?FC|FSV|SC|SV|E?HC|EC|BC|TSV|TSG|TuS|SSV|ESV|MTV|V[fF][BLR]|SpVgg|CfR)\s")
_COUNTED = re.compile(
    r"\s*(?:\w*[Ww]eltkrieg|\w*[Ll]iga\b|Mannschaft|Division|Armee|Kompanie|Bataillon|Regiment|Stock|Etage|Klasse|Platz|"
    r"Preis|Jahrhundert|Jahrtausend|Kapitel|Auflage|Runde|Halbzeit|Spieltag|Kreuzzug|Senat|Kammer|Advent|Satz|Akt|"
    r"S[iy](?:n|m)(?:f|ph)onie|Wahlgang|Staffel|Bezirk|Arrondissement|Quartal|Halbjahr|Semester|Generation|Republik|"
    r"Internationale|Vorsitzende|[Dd]ivis[ij]on|verdenskrig|världskrig|etasje|svetovna|světová|svjetsk|maailmansota|"
    r"világháború)"
)
_LETTER = re.compile(r"\s*[^\W\d_]")
_INITIALS = re.compile(r"[^\W\d_](?:\.?-[^\W\d_])+")  # J.-P.
_NEXT_LETTER = re.compile(r"[^\W\d_][^\s.\w]?\.")  # the second letter of "a.b."
_DANDA = re.compile("[\u0900-\u097f]\\.\\Z")
_ARABIC_INITIAL = re.compile("[\u0621-\u064a\u05d0-\u05ea]")
_DATE = re.compile(r"(?:\A|\s)\d{1,2}\.\s\d{1,2}\Z")
_ERAS = {"av.", "apr.", "ap."}
_SHORTEST_WORDS = 6
"""Abbreviations have at most so many characters."""
_STREET = re.compile(r"(?i)\w+str")
_TIME = re.compile(r"\s*(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day\b|\s*[A-Z]{2,4}\b")

# What a quotation may be followed by if the sentence goes on behind it.
_CLOSING = "\"'”’»」』）)】》›〉"
_STOPS = frozenset(".!?…。！？।؟‽")
_CJK_ASKED = re.compile("[！？!?]\\Z")
_DASH_BEFORE_LOWER = re.compile(r"\s*[—–-]{1,2}\s*([^\W\d_])")
# fmt: off
_PARTICLE = re.compile(
    "と(?!ころ|もあれ|もかく|もに|はいえ|にかく|きに|くに)|って|っつ|など|という|を|の(?![ちぼ])|に(?![もわぎ])|は(?![いじるやっ])|が(?![、ん])|"
    "も(?![しちっう])|で(?![もはす])|だ(?!が|から|けど)|へ|から|まで|より|や(?![がはっ])|なの|です|でし|だっ|的"
)
_SAID = re.compile(
    r"[^。！？：“「]{0,12}(?:说|說|问|問|道|喊|答|叫|表示|写|寫|曰|讲|講|回应|回應)[^。！？：“「]{0,12}[。！？]|"
    r"\s*[^।.!?؟]{0,40}?(?:पूछ|कह|बोल|चिल्ला|लिख|قال|سأل|أجاب|صاح|كتب|אמר|שאל|ענה|כתב)[^।.!?؟]{0,40}[।.!?؟]"
)
# fmt: on
_PARAGRAPH_END = re.compile(r"\n[^\S\n]*\n")
# Longer than any abbreviation with a citation behind it.
_BEFORE, _BEHIND = 40, 60
_NEAR = 500


def sentence_goes_on(text: str, place: int, language: str = "en") -> bool:
    """Return whether the sentence before `place` goes on behind it: its stop belongs to a word, or to a quotation.

    Args:
        text: The text.
        place: Where the next sentence would begin, or the white space before it.
        language: ISO 639 code. English has names and commands that are written small at the beginning of a sentence; in
            other languages a short word before lower case is taken for an abbreviation.
    """
    before, behind = text[max(0, place - _BEFORE) : place], text[place : place + _BEHIND]
    written = before.rstrip()
    if _PARAGRAPH_END.search(before[len(written) :] + behind[: len(behind) - len(behind.lstrip())]):
        return False
    if quotation_goes_on(written, before[len(written) :] + behind):
        return True
    letter = _LETTER.match(behind)
    goes_lower = letter is not None and letter.group()[-1].islower()
    if written.endswith(".") and written[:-1].strip():
        if _NEXT_LETTER.match(before[len(written) :] + behind) or (
            "।" in text[max(0, place - _NEAR) : place + _NEAR] and _DANDA.search(written)
        ):
            return True  # where a danda ends the sentences, a full stop ends none
        words = written[:-1].split()
        if _belongs_to_word(words, behind, goes_lower=goes_lower):
            return True
        if goes_lower and language != "en" and words and len(words[-1]) <= _SHORTEST_WORDS:
            return True
    return "et al." in written and bool(_AUTHORS.search(written)) and (goes_lower or behind.lstrip()[:1] in {"(", "["})


def quotation_goes_on(written: str, behind: str) -> bool:
    """Return whether what stands behind a quoted or shouted sentence is part of the sentence that quotes it.

    That is lower case behind a dash (`— asked he`); a letter that follows the closing mark at once, in a script that
    parts words by blanks; in Japanese and Chinese a particle; elsewhere a few words with a verb of saying.
    """
    dash = _DASH_BEFORE_LOWER.match(behind)
    if dash and written[-1:] in "!?…\"'”’»" and dash[1].islower():
        return True
    quoted = written.rstrip(_CLOSING)
    if len(quoted) < len(written) and quoted[-1:] in _STOPS:
        first = behind[:1]
        spaced_script = first.isalpha() and not _is_unspaced(first)
        return (
            spaced_script
            or (written[-1] in "》〉" and first.isalpha())
            or bool(_PARTICLE.match(behind))
            or bool(_SAID.match(behind))
        )
    return bool(_CJK_ASKED.search(written) and _PARTICLE.match(behind))


def _is_unspaced(letter: str) -> bool:
    """Return whether a letter belongs to a script without blanks between words: kana, Han, Thai and its neighbours."""
    return "\u3040" <= letter <= "\u9fff" or "\u0e00" <= letter <= "\u0eff" or "\u1000" <= letter <= "\u109f"


def _belongs_to_word(words: list[str], behind: str, *, goes_lower: bool) -> bool:
    """Return whether the full stop behind the last of `words` belongs to it."""
    last = re.split("['’]", words[-1].lstrip("([{\"'“„«‘"))[-1]  # l'art.
    plain, previous = last.casefold(), words[-2].casefold() if len(words) > 1 else ""
    # "z. B." is written with a blank as well.
    forms = {plain, previous + plain if previous.endswith(".") else plain}
    if forms & _NEVER_LAST or (plain in _MILLIONS and previous[-1:].isdigit()):
        return True
    if (plain in _BEFORE_NUMBERS or _STREET.fullmatch(plain)) and _NUMBER.match(behind):
        return True
    if plain.isdigit() and len(plain) <= 2:
        date = _DATE.search(" ".join(words)) and behind.lstrip()[:4].isdigit()
        named = _COUNTED.match(behind) or (plain == "1" and _CLUB.match(behind))
        return bool(date or named) or previous in _BEFORE_ORDINALS or bool(_MONTH.match(behind))
    initials = _INITIALS.fullmatch(last) and (goes_lower or previous not in _ERAS)
    arabic = _ARABIC_INITIAL.fullmatch(last.rpartition(".")[2]) and not previous[-1:].isdigit()
    if initials or arabic or (plain in {"a.m", "p.m"} and _TIME.match(behind)):
        return True
    if not goes_lower:
        return False
    # "5 min. later", "1905 r. była", "Ludwig II. starb"
    measured = bool(_SHORT.fullmatch(last)) and (previous[-1:].isdigit() or last[0].isdigit())
    return measured or bool(_ROMAN.fullmatch(last)) or bool(forms & _BEFORE_LOWER)
