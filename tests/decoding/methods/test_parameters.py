"""The declaration of parameters: what is in range, how it is read, and how a range is told."""

from __future__ import annotations

import pytest
from counterfoil.decoding.methods.parameters import Parameter, check_integer


def declared(kind: type, **options) -> Parameter:
    return Parameter("x", kind, None, kind, "what it is", **options)


@pytest.mark.parametrize(
    ("parameter", "value", "message"),
    [
        (declared(float, at_least=0), -0.1, "`x` has to be a number of at least 0, but is -0.1"),
        (declared(float, at_least=0), 1e39, r"`x` has to be a number of at most 1e\+06, but is 1e\+39"),
        (declared(float, at_least=0), 10**400, "`x` has to be a number of at least 0, but is 1000"),
        (declared(float, at_least=0), "1", "`x` has to be a number of at least 0, but is '1'"),
        (declared(float, at_least=0), True, "`x` has to be a number of at least 0, but is True"),
        (declared(float, at_least=0), float("nan"), "`x` has to be a number of at least 0, but is nan"),
        (declared(float, above=0), 0, "`x` has to be a number above 0, but is 0"),
        (declared(float, at_least=0, at_most=1), 1.5, r"`x` has to be in \[0, 1\], but is 1.5"),
        (declared(int, at_least=1), 0, "`x` has to be an integer of at least 1, but is 0"),
        (declared(int, at_least=1), 2.0, "`x` has to be an integer of at least 1, but is 2.0"),
        (declared(int, at_least=0, at_most=9), 10, "`x` has to be at most 9, but is 10"),
        (declared(str, choices=("a", "b")), "c", "`x` has to be one of 'a', 'b', but is 'c'"),
        (declared(str), 3, "`x` has to be a text, but is 3"),
        (declared(bool), 2, "`x` has to be true or false, but is 2"),
        (declared(bool), None, "`x` has to be true or false, but is None"),
    ],
)
def test_what_is_out_of_range_is_refused_by_name(parameter: Parameter, value: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parameter.checked(value)
    with pytest.raises(ValueError, match=message.replace("`x`", "`cf_x`")):
        parameter.checked(value, "cf_x")


def test_values_come_in_their_normal_form() -> None:
    one, flag = declared(float, at_least=0).checked(1), declared(bool).checked(1)
    assert (one, type(one)) == (1.0, float)
    assert flag is True
    assert declared(int, at_least=0, is_optional=True).checked(None) is None


@pytest.mark.parametrize(
    ("parameter", "text", "value"),
    [
        (declared(float), "0.5", 0.5),
        (declared(int), "4", 4),
        (declared(bool), "False", False),
        (declared(str), "low", "low"),
    ],
)
def test_a_command_line_is_read(parameter: Parameter, text: str, value: object) -> None:
    assert parameter.read(text) == value


@pytest.mark.parametrize(
    ("parameter", "message"),
    [
        (declared(float), "--x has to be a number, but is 'much'"),
        (declared(int), "--x has to be an integer, but is 'much'"),
        (declared(bool), "--x has to be true or false, but is 'much'"),
    ],
)
def test_what_cannot_be_read_is_refused(parameter: Parameter, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parameter.read("much")


@pytest.mark.parametrize(
    ("parameter", "text"),
    [
        (declared(float, at_least=0), "at least 0"),
        (declared(float, above=0), "above 0"),
        (declared(float, at_least=0, at_most=1), "0 to 1"),
        (declared(float, at_least=0, is_optional=True), "at least 0, or none"),
        (declared(str, choices=("a", "b")), "`a`, `b`"),
        (declared(bool), "true or false"),
        (declared(str), ""),
        (declared(str, range="a text"), "a text"),
    ],
)
def test_a_range_is_told_in_words(parameter: Parameter, text: str) -> None:
    assert parameter.described_range == text


def test_an_integer_is_no_truth_value() -> None:
    with pytest.raises(ValueError, match="`n` has to be an integer of at least 0, but is True"):
        check_integer("n", True, 0)
