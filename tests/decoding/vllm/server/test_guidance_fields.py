"""`guidance_scale` and `negative_prompt` of a request are the keys of classifier-free guidance."""

from __future__ import annotations

import pytest
from counterfoil.decoding.vllm.server.guidance_fields import with_guidance


def test_the_fields_become_keys() -> None:
    assert with_guidance(None, {"guidance_scale": 2, "negative_prompt": "A", "other": 1}) == {
        "cf_method": "cfg",
        "cf_guidance_scale": 2,
        "cf_negative_prompt": "A",
    }
    assert with_guidance({"theirs": 1}, {"guidance_scale": 2.5}) == {
        "theirs": 1,
        "cf_method": "cfg",
        "cf_guidance_scale": 2.5,
    }


@pytest.mark.parametrize("fields", [None, {}, {"guidance_scale": None, "negative_prompt": ""}, {"other": 1}])
def test_a_request_without_them_stays_as_it_is(fields: dict | None) -> None:
    assert with_guidance(None, fields) == {}
    assert with_guidance({"cf_method": "cad"}, fields) == {"cf_method": "cad"}


def test_guidance_beside_another_contrast_is_refused() -> None:
    with pytest.raises(ValueError, match="`negative_prompt` has to be the only contrast"):
        with_guidance({"cf_method": "cad"}, {"negative_prompt": "A"})
