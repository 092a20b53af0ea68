from __future__ import annotations

import contextlib

import pytest
from counterfoil.attribution.loaders.content import UnknownEncodingError, decoded
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"caf\xc3\xa9", "café"),
        (b"\xef\xbb\xbfcaf\xc3\xa9", "café"),
        ("café".encode("utf-16"), "café"),
        (b"\xfe\xff" + "café".encode("utf-16-be"), "café"),
        (b"caf\xe9 \x93quoted\x94", "café “quoted”"),
        (b"a\r\nb\rc\n", "a\nb\nc\n"),
        ("😀 e\u0301".encode(), "😀 e\u0301"),
    ],
)
def test_encodings(data, text):
    assert decoded(data) == text


@pytest.mark.parametrize("data", [b"\x00\x01", b"MZ\x90\x00", b"a\x1b[31m", b"\xff\xfe\x00\xd8", b"caf\xe9 \x81"])
def test_what_is_no_text_is_refused(data):
    with pytest.raises(ValueError, match="binary or in an unknown encoding"):
        decoded(data)


@given(st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc"])))
def test_utf8_comes_back_unchanged(text):
    assert decoded(b"\xef\xbb\xbf" + text.encode()) == text


RUSSIAN = (
    "Маяк у мыса Морроу был построен в 1874 году, его высота составляет тридцать один метр. Смотритель жил там долго."
)
POLISH = "Latarnia została zbudowana w 1874 roku przez komitet portowy. Jej światło widać z odległości trzydziestu mil."
GERMAN = "Die Größe des Turms beträgt 31 m, “höher” als üblich; für Fußgänger geöffnet. Straße, Übergänge, Öl."
SPANISH = "El señor Núñez vivió en España; el año pasado él también subió. ¿Dónde está? ¡Aquí! Años después, más."


@pytest.mark.parametrize(
    ("text", "encoding"),
    [(RUSSIAN, "cp1251"), (RUSSIAN, "koi8_r"), (POLISH, "cp1250"), (GERMAN, "cp1252"), (SPANISH, "cp1252")],
)
def test_an_encoding_is_told_by_the_words_or_the_text_is_refused(text, encoding):
    assert decoded(text.encode(encoding)) == text


ASIAN = {"gb18030": "灯塔建于", "cp949": "등대는 지어졌고", "cp932": "灯台は建てられた", "big5": "燈塔建於"}


@pytest.mark.parametrize("encoding", ASIAN)
def test_what_cannot_be_told_is_refused_and_not_guessed(encoding):
    text = ASIAN[encoding] * 5
    with contextlib.suppress(UnknownEncodingError):
        assert decoded(text.encode(encoding)) == text
