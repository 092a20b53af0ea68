"""What an installed package registers is found like a part of this one, and imported no earlier."""

from __future__ import annotations

import sys

import pytest
from counterfoil.attribution.registry import Registry


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """A package on the path, with the metadata that `pip install` writes."""
    (tmp_path / "their_judges.py").write_text("class Mine:\n    name = 'mine'\n\ndef fractions(): pass\n")
    metadata = tmp_path / "theirs-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(
        "[counterfoil.tested]\nmine = their_judges:Mine\nfractions = their_judges:fractions\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    yield
    sys.modules.pop("their_judges", None)


@pytest.mark.usefixtures("installed")
def test_a_package_adds_to_it():
    registry = Registry("counterfoil.tested", {"decimal": "decimal:Decimal"})
    assert registry.names == ("decimal", "mine", "fractions")
    assert "their_judges" not in sys.modules
    assert registry.load("decimal").__name__ == "Decimal"
    assert registry.load("mine").name == "mine"


@pytest.mark.usefixtures("installed")
def test_a_name_that_two_packages_use_is_refused():
    registry = Registry("counterfoil.tested", {"fractions": "fractions:Fraction"})
    with pytest.raises(ValueError, match="fractions:Fraction, their_judges:fractions"):
        registry.load("fractions")


def test_an_unknown_name_is_told_the_known_ones():
    with pytest.raises(ValueError, match="one of decimal, but is 'dezimal'"):
        Registry("counterfoil.tested", {"decimal": "decimal:Decimal"}).load("dezimal")
