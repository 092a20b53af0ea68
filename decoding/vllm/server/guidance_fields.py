"""Classifier-free guidance as clients first ask for it: by the fields `guidance_scale` and `negative_prompt`.

They are other names for `cf_method: "cfg"` with `cf_guidance_scale` and `cf_negative_prompt`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..contrast_params import METHOD, PREFIX, has_contrast_keys

SCALE, NEGATIVE = FIELDS = ("guidance_scale", "negative_prompt")


def with_guidance(xargs: Mapping[str, Any] | None, fields: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the `vllm_xargs` of a request with the guidance that its own fields ask for.

    Args:
        xargs: The request's `vllm_xargs`.
        fields: The fields of the request that OpenAI's API does not have. A negative prompt that is null or empty is
            none, as in other programs: the negative view is then unconditional.

    Raises:
        ValueError: Guidance is asked for in `vllm_xargs` as well.
    """
    given = asked_guidance(fields)
    if not given:
        return dict(xargs or {})
    if has_contrast_keys(xargs):
        raise ValueError(
            f"`{next(iter(given))}` has to be the only contrast, but `vllm_xargs` has keys of one as well: give "
            f"{PREFIX}{SCALE} and {PREFIX}{NEGATIVE} there"
        )
    return {**(xargs or {}), METHOD: "cfg", **{PREFIX + name: value for name, value in given.items()}}


def asked_guidance(fields: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the fields that ask for guidance, with their values."""
    given = {name: (fields or {}).get(name) for name in FIELDS}
    return {name: value for name, value in given.items() if value is not None and value != ""}
