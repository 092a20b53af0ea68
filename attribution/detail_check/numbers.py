"""Values of numbers, times and quantities, however they are written: `10 million`, `10,000,000`; `3.5 km`, `3500 m`."""

from __future__ import annotations

import math
import re
import unicodedata

from text_to_num import text2num

from .lexicon import CARDINALS, canonical

SCALES = {
    "hundred": 1e2,
    "thousand": 1e3,
    "million": 1e6,
    "billion": 1e9,
    "trillion": 1e12,
    "bn": 1e9,
    "mn": 1e6,
    "k": 1e3,
    "dozen": 12.0,
    "lakh": 1e5,
    "crore": 1e7,
}
MULTIPLES = {
    "once": 1.0, "twice": 2.0, "both": 2.0, "couple": 2.0, "pair": 2.0, "double": 2.0, "triple": 3.0,
    "doubled": 2.0, "tripled": 3.0, "halved": 0.5, "half": 50.0, "halves": 50.0, "quarter": 25.0,
    "twenties": 1920.0, "thirties": 1930.0, "forties": 1940.0, "fifties": 1950.0, "sixties": 1960.0,
    "seventies": 1970.0, "eighties": 1980.0, "nineties": 1990.0,
}  # fmt: skip
"""`half` is 50, as in `50 %`."""

PARTS = {"half": 2, "halves": 2, "thirds": 3, "quarters": 4, "fifths": 5, "sixths": 6, "eighths": 8, "tenths": 10}
"""Parts of a whole: two thirds, three quarters."""

_IN_WORDS = CARDINALS | {"hundred", "thousand", "million", "billion", "trillion"}

DIGITS = "|".join(
    (
        r"(?:\d+(?:[.,]\d+)?\s?[×x*]\s?)?10(?:\^\(?[-−]?\d{1,2}\)?|⁻?[⁰¹²³⁴-⁹]+)",
        r"\d+(?:\.\d+)?[eE][+-]?\d{1,2}(?!\w)",
        r"\d*[¼½¾⅓⅔⅕⅛]",
        r"\d{1,2}/\d{1,2}(?![\d/])",
        r"\d{1,3}(?:['’]\d{3})+(?!\d)(?:\.\d+)?",
        r"\d{1,3}(?:[\u0020\u00a0\u202f]\d{3})+(?!\d)(?:[.,]\d+)?",
        r"\d{1,3}(?:,\d{3})+(?!\d)(?:\.\d+)?",
        r"\d{1,3}(?:\.\d{3}){2,}(?!\d)",
        r"\d+(?:[.,]\d+)?",
    )
)
"""A regular expression for a number in digits, thousands parted by commas, points or blanks."""

_GROUPS = re.compile(r"[\u0020\u00a0\u202f'’]")
_POWER = re.compile(r"(?:(\d+(?:[.,]\d+)?)[×x*])?10(?:\^\(?([-−]?\d{1,2})\)?|(⁻?[⁰¹²³⁴-⁹]+))")
_HIGH = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻−", "0123456789--")


def is_number_word(word: str) -> bool:
    """Return whether a word in lower case is a cardinal number or a part of one: `seven`, `thousand`."""
    return word in _IN_WORDS


def begins_number(word: str) -> bool:
    """Return whether a number in words can begin with this one: `seven`, but not `thousand`."""
    return word in CARDINALS


def value_of_digits(written: str) -> float:
    """Return the value of what :data:`DIGITS` matches; a comma before other than three digits is a decimal one.

    A fraction is so many parts of a hundred, as in `50 %`; one with a whole number before it is a number.
    """
    text = _GROUPS.sub("", written)
    power = _POWER.fullmatch(text)
    if power is not None:
        exponent = int((power[2] or power[3]).translate(_HIGH))
        return float((power[1] or "1").replace(",", ".")) * 10.0**exponent
    if unicodedata.category(text[-1]) == "No":
        return float(text[:-1]) + unicodedata.numeric(text[-1]) if text[:-1] else 100 * unicodedata.numeric(text[-1])
    if "/" in text:
        part, whole = map(int, text.split("/"))
        return 100 * part / whole if part < whole <= 16 else float(part)
    if re.fullmatch(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?", text):
        return float(text.replace(",", ""))
    if re.fullmatch(r"\d{1,3}(?:\.\d{3}){2,}", text):
        return float(text.replace(".", ""))
    return float(text.replace(",", "."))


def value_of_words(words: list[str]) -> tuple[float, int]:
    """Return the value of the longest number that some words begin with, and how many of them it has; (0, 0) if none.

    `and` stands within a number only: `two hundred and five`.
    """
    run = 0
    while run < len(words) and (is_number_word(words[run]) or (run and words[run] == "and")):
        run += 1
    while run:
        if words[run - 1] != "and":
            try:
                return float(text2num(" ".join(words[:run]), "en")), run
            except ValueError:
                pass
        run -= 1
    return 0.0, 0


def clock(hour: str, minute: str | None) -> float | None:
    """Return the minutes since midnight or noon of a time of day; `None` if it is none."""
    h, m = int(hour), int(minute or 0)
    return float((h % 12) * 60 + m) if h <= 24 and m < 60 else None


_SINGULAR = {f"{name}s": name for name in ("second", "minute", "hour", "day", "week", "month", "year", "decade")} | {
    "centuries": "century"
}
TOLERANCE = 0.02
"""How far two quantities may be apart, as a share: who converts a unit rounds as well."""

_UNITS = {
    "m": {"kilometre": 1e3, "metre": 1.0, "centimetre": 1e-2, "millimetre": 1e-3, "mile": 1609.344, "foot": 0.3048,
          "inch": 0.0254, "yard": 0.9144},
    "m²": {"m²": 1.0, "m2": 1.0, "km²": 1e6, "km2": 1e6, "hectare": 1e4, "acre": 4046.8564},
    "s": {"second": 1.0, "minute": 60.0, "min": 60.0, "hour": 3600.0, "h": 3600.0, "day": 86400.0, "week": 604800.0},
    "months": {"month": 1.0, "year": 12.0, "decade": 120.0, "century": 1200.0},
    "Hz": {"hertz": 1.0, "kilohertz": 1e3, "megahertz": 1e6, "gigahertz": 1e9},
    "kg": {"tonne": 1e3, "kilogram": 1.0, "gram": 1e-3, "milligram": 1e-6, "microgram": 1e-9, "pound": 0.45359237,
           "ounce": 0.028349523},
    "l": {"litre": 1.0, "millilitre": 1e-3, "gallon": 3.785411784, "pint": 0.473176473},
    "W": {"gigawatt": 1e9, "megawatt": 1e6, "kilowatt": 1e3, "watt": 1.0},
    "B": {"terabyte": 1e12, "gigabyte": 1e9, "megabyte": 1e6, "kilobyte": 1e3},
}  # fmt: skip
"""Units by what they measure, in its base unit (NIST SP 811; pints and gallons are those of the United States)."""


def same_quantity(one: tuple[float, str], other: tuple[float, str]) -> bool:
    """Return whether two values with their units are one quantity: 3.5 `km` and 3500 `m`."""
    here, there = _in_base_unit(*one), _in_base_unit(*other)
    if here is None or there is None or here[1] != there[1]:
        return False
    return math.isclose(here[0], there[0], rel_tol=TOLERANCE)


def _in_base_unit(value: float, unit: str) -> tuple[float, str] | None:
    name = canonical().get(unit, unit)
    name = _SINGULAR.get(name, name)
    if name in {"celsius", "fahrenheit"}:
        return (value if name == "celsius" else (value - 32) / 1.8), "°C"
    return next(((value * units[name], base) for base, units in _UNITS.items() if name in units), None)
