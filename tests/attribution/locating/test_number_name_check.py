from __future__ import annotations

import pytest
from counterfoil.attribution.locating.number_name_check import missing


@pytest.mark.parametrize(
    ("claim", "text", "gone"),
    [
        ("It takes twenty minutes.", "It takes forty minutes.", ["twenty"]),
        ("It takes 20 minutes.", "It takes twenty minutes.", []),
        ("It has thirty-five rooms.", "There are 35 rooms.", []),
        ("It has thirty five rooms.", "There are 53 rooms.", ["thirty five"]),
        ("It cost 90,000 crowns.", "It cost 90000 crowns.", []),
        ("It is 6.2 metres high.", "It is 62 metres high.", ["6.2"]),
        ("There is one egg.", "There is a single egg.", []),
        ("She studied in Corvane.", "She studied in Meridale.", ["Corvane"]),
        ("The market is held on Thursdays.", "The Thursday market.", []),
        ("The Vanes left.", "Vane's house.", []),
        ("Salmon came back.", "Trout came back.", []),
        ("Opened on 14 May 1908.", "Opened on 14 May 1909.", ["1908"]),
        ("", "anything", []),
    ],
)
def test_numbers_and_names_have_to_stand_there(claim, text, gone):
    assert missing(claim, text) == gone
