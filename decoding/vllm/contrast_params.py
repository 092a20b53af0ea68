"""What a request says about its contrast: the `cf_` keys of `SamplingParams.extra_args`, or `vllm_xargs` over HTTP.

They are flat, because vLLM's `vllm_xargs` may not nest. Whoever reads them, in the server's front end or in the engine
core, reads them here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .methods import METHODS, Check, check_flag, defaults, picture_defaults

PREFIX = "cf_"
RESERVED = "_cf_"
"""Keys that the engine writes for itself; a request may not."""

METHOD = "cf_method"
CONTRAST_IDS = "cf_contrast_ids"
CUT_CONTEXT = "cf_cut_context"
WITHOUT_ADAPTER = "cf_without_adapter"
TEXT_KEYS = ("cf_contrast_prompt", "cf_contrast_messages", "cf_documents")
"""Text becomes :data:`CONTRAST_IDS` before a request reaches the engine: it has no tokenizer."""

LEAST_TOKENS = 2
"""Of both prompts of a pair: up to the last token a member fills its cache alone, and it has to have something to
fill."""


@dataclass(frozen=True)
class PairRequest:
    """The contrast that one request asks for, checked as far as the request alone tells.

    Args:
        method: A name of :data:`counterfoil.decoding.vllm.methods.METHODS`.
        parameters: The method's own, all of them, under their Python names.
        contrast_ids: The other view's prompt, where it was given.
        cut_context: Otherwise: how many last tokens of the main prompt the other view reads.
        picture: What the other view's picture is made with, for methods that have one.
        without_adapter: The other view runs without the request's LoRA adapter, on the main prompt unless another one
            is given.
    """

    method: str
    parameters: Mapping[str, float | str]
    contrast_ids: tuple[int, ...] | None = None
    cut_context: int | None = None
    without_adapter: bool = False
    picture: Mapping[str, float | str | None] = field(default_factory=dict)

    @property
    def rule(self) -> tuple[object, ...]:
        """Equal for pairs whose rows may be combined at once."""
        return (self.method, *sorted(self.parameters.items()))

    def other_prompt(self, prompt: Sequence[int]) -> list[int]:
        """The other view's prompt, given the main one's token ids."""
        if self.contrast_ids is not None:
            return list(self.contrast_ids)
        return list(prompt[-self.cut_context :] if self.cut_context is not None else prompt)

    def other_tokens(self, prompt_tokens: int) -> int:
        """The length of the other view's prompt, given the main one's."""
        if self.contrast_ids is not None:
            return len(self.contrast_ids)
        return prompt_tokens if self.cut_context is None else min(prompt_tokens, self.cut_context)


class ParsedArgs(dict[str, Any]):
    """`extra_args` that this process has parsed already, with the result.

    Whoever copies or sends them handles a dictionary. The engine core is another process: it gets a plain one, and
    parses it.

    Args:
        extra_args: The arguments.
        params: What :func:`pair_request` made of them.
    """

    def __init__(self, extra_args: Mapping[str, Any], params: PairRequest) -> None:
        super().__init__(extra_args)
        self.params = params


def has_contrast_keys(extra_args: Mapping[str, Any] | None) -> bool:
    """Whether any key is this library's."""
    return any(isinstance(key, str) and key.startswith((PREFIX, RESERVED)) for key in extra_args or ())


def pair_request(extra_args: Mapping[str, Any] | None, *, amateur_model: bool = False) -> PairRequest | None:
    """The contrast that `extra_args` asks for, or `None` for a plain request.

    Args:
        extra_args: Of `SamplingParams`; keys of other plug-ins are left alone.
        amateur_model: The engine runs two models: contrastive decoding takes the second one for its other view, and
            there is no other method.

    Raises:
        ValueError: An unknown key or method, a value out of range, or no contrast (or more than one); the message names
            the key, the value and the remedy.
    """
    if isinstance(extra_args, ParsedArgs):
        return extra_args.params
    if not has_contrast_keys(extra_args):
        return None
    assert extra_args is not None
    given = {key: value for key, value in extra_args.items() if key.startswith((PREFIX, RESERVED))}
    method = _method(given, amateur_model)
    _refuse_unknown(given, method)
    if WITHOUT_ADAPTER in given:
        check_flag(WITHOUT_ADAPTER, given[WITHOUT_ADAPTER])
    pair = PairRequest(
        method,
        _checked(METHODS[method].checks, defaults(method), given),
        contrast_ids=_ids(given[CONTRAST_IDS]) if CONTRAST_IDS in given else None,
        cut_context=_count(CUT_CONTEXT, given[CUT_CONTEXT]) if CUT_CONTEXT in given else None,
        without_adapter=bool(given.get(WITHOUT_ADAPTER, False)),
        picture=_checked(METHODS[method].picture, picture_defaults(method), given),
    )
    _check_contrast(pair, amateur_model)
    return pair


def _checked(checks: Mapping[str, Check], values: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """`values` with those that are `given` in their place."""
    for name, check in checks.items():
        if PREFIX + name in given:
            check(PREFIX + name, given[PREFIX + name])
    return {name: given.get(PREFIX + name, value) for name, value in values.items()}


def _method(given: Mapping[str, Any], amateur_model: bool) -> str:
    for key in given:
        if key.startswith(RESERVED):
            raise ValueError(f"`{key}` has to be left out: keys that begin with {RESERVED} are the engine's own")
    known = ("contrastive_decoding",) if amateur_model else tuple(METHODS)
    names = ", ".join(map(repr, known))
    if METHOD not in given:
        raise ValueError(f"`{METHOD}` has to be one of {names}, but is missing beside `{next(iter(given))}`")
    method = given[METHOD]
    if not isinstance(method, str) or method not in known:
        served = "served here (an engine with an amateur model)" if amateur_model and method in METHODS else ""
        raise ValueError(f"`{METHOD}` has to be one of {names}, but is {method!r}{', not ' + served if served else ''}")
    return method


def _refuse_unknown(given: Mapping[str, Any], method: str) -> None:
    parameters = [PREFIX + name for name in (*METHODS[method].checks, *METHODS[method].picture)]
    accepted = {METHOD, CONTRAST_IDS, CUT_CONTEXT, WITHOUT_ADAPTER, *parameters}
    for key in given:
        if key in TEXT_KEYS:
            raise ValueError(
                f"`{key}` has to become `{CONTRAST_IDS}` before the engine sees it: over HTTP the middleware of "
                "`counterfoil serve` does that, offline counterfoil.decoding.vllm.offline"
            )
        if key not in accepted:
            raise ValueError(
                f"`{key}` is not known: {method} takes {', '.join(parameters)}, and the contrast is given as "
                f"{CONTRAST_IDS}, {', '.join(TEXT_KEYS)}, {CUT_CONTEXT} or {WITHOUT_ADAPTER}"
            )


def _check_contrast(pair: PairRequest, amateur_model: bool) -> None:
    if pair.cut_context is not None and pair.method != "contrastive_decoding":
        raise ValueError(f"`{CUT_CONTEXT}` has to go with contrastive_decoding, but `{METHOD}` is {pair.method!r}")
    if pair.cut_context is not None and pair.contrast_ids is not None:
        raise ValueError(f"`{CUT_CONTEXT}` has to be the only contrast, but `{CONTRAST_IDS}` is given as well")
    given = pair.contrast_ids is not None or pair.cut_context is not None or pair.without_adapter
    if amateur_model:
        if given:
            raise ValueError(
                "the contrast has to be left out, but is given: this engine contrasts with its amateur model"
            )
    elif METHODS[pair.method].picture:
        if given:
            raise ValueError(f"the contrast of {pair.method} is an image made from the request's own: leave it out")
    elif not given:
        raise ValueError(
            f"{pair.method} has to be given something to contrast with, but has none: give {', '.join(TEXT_KEYS[:2])}, "
            f"{TEXT_KEYS[2]} or {CONTRAST_IDS}"
        )


def _ids(value: object) -> tuple[int, ...]:
    if not isinstance(value, (list, tuple)):
        raise ValueError(f"`{CONTRAST_IDS}` has to be a list of token ids, but is {_short(value)}")
    if not value:
        raise ValueError(f"`{CONTRAST_IDS}` has to hold at least {LEAST_TOKENS} token ids, but is empty")
    for token in value:
        if isinstance(token, bool) or not isinstance(token, int) or token < 0:
            raise ValueError(f"`{CONTRAST_IDS}` has to be a list of token ids, but holds {_short(token)}")
    if len(value) < LEAST_TOKENS:
        raise ValueError(f"`{CONTRAST_IDS}` has to hold at least {LEAST_TOKENS} token ids, but holds {len(value)}")
    return tuple(value)


def _count(key: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < LEAST_TOKENS:
        raise ValueError(f"`{key}` has to be an integer of at least {LEAST_TOKENS}, but is {_short(value)}")
    return value


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
