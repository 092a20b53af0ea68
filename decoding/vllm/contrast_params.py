"""The contrast that a request asks for: the `cf_` keys of `SamplingParams.extra_args`, or of `vllm_xargs` over HTTP.

Keys are flat, because vLLM's `vllm_xargs` may not nest. They are parsed here, once in the server's process and once in
the engine core; everywhere else a contrast is a typed object. A method's parameters have the ranges and the defaults of
its dataclass.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..methods import METHODS, ContrastiveSearch
from ..methods.method import Method
from ..methods.parameters import Parameter, check_choice, check_flag, check_integer
from .contrast_values import LEAST_TOKENS, MOST_CONTRASTS, check_exits, check_tokens, read_ids

PREFIX = "cf_"
RESERVED = "_cf_"
"""Keys that the engine writes for itself; a request may not."""

METHOD = "cf_method"
CONTRAST_IDS = "cf_contrast_ids"
CUT_CONTEXT = "cf_cut_context"
EARLY_EXIT = "cf_early_exit"
WITHOUT_ADAPTER = "cf_without_adapter"
SEED = "cf_seed"
TRACE = "cf_trace"
TEXT_KEYS = ("cf_contrast_prompt", "cf_contrast_messages", "cf_documents")
"""Texts become :data:`CONTRAST_IDS` before a request reaches the engine, which has no tokenizer."""
MEMBER = "_cf_member"
"""Key of a :class:`PairMember`."""
SEARCH = "_cf_search"
"""Key of the method, a :class:`.ContrastiveSearch`, of a request that the engine has admitted to contrastive search."""


@dataclass(frozen=True)
class ContrastParams:
    """The contrast that a request asks for, checked as far as the request alone tells.

    Args:
        method: The method with its parameters.
        contrast_ids: Token ids of each contrast prompt; empty if none is given.
        without_adapter: Whether the contrast runs without the request's LoRA adapter, on the main prompt unless another
            one is given.
        exits: After which layers the model itself is a contrast, read behind all others.
        seed: The seed of what is drawn for the contrast's images: the i-th draws with `seed + i`.
        trace: Whether each token's log-probability under the contrast is asked for as well.
    """

    method: Method
    contrast_ids: tuple[tuple[int, ...], ...] = ()
    without_adapter: bool = False
    seed: int = 0
    trace: bool = False
    exits: tuple[int, ...] = ()

    @property
    def count(self) -> int:
        """Return how many contrasts there are."""
        return self.sequences + len(self.exits)

    @property
    def sequences(self) -> int:
        """Return how many contrasts are sequences of their own; early exits are read off the main one."""
        if self.contrast_ids:
            return len(self.contrast_ids)
        own = self.cut_context is not None or self.without_adapter
        return int(own or not self.exits)

    @property
    def cut_context(self) -> int | None:
        """Return how many last tokens of the main prompt the contrast reads, if it reads no other prompt."""
        asked = getattr(self.method, "cut_context", None)
        if asked is not None or self.contrast_ids or self.without_adapter or self.exits:
            return asked
        return max(self.method.unconditional_tokens, LEAST_TOKENS) if self.method.unconditional_tokens else None

    @property
    def searches(self) -> bool:
        """Return whether it is contrastive search, which compares candidates for the next token and is no pair."""
        return isinstance(self.method, ContrastiveSearch)

    @property
    def changes_image(self) -> bool:
        """Return whether the contrast is the main prompt with its images changed."""
        return self.method.contrast == "image"

    def contrast_prompts(self, prompt: Sequence[int]) -> list[list[int]]:
        """Return the token ids of each contrast prompt, given those of the main prompt."""
        if self.contrast_ids or not self.sequences:
            return [list(ids) for ids in self.contrast_ids]
        return [list(prompt[-self.cut_context :] if self.cut_context is not None else prompt)]

    def contrast_tokens(self, prompt_tokens: int) -> list[int]:
        """Return the length of each contrast prompt, given that of the main prompt."""
        if self.contrast_ids or not self.sequences:
            return [len(ids) for ids in self.contrast_ids]
        return [prompt_tokens if self.cut_context is None else min(prompt_tokens, self.cut_context)]


@dataclass(frozen=True)
class PairMember:
    """What a worker must know about a request of a pair; travels in its `extra_args` under :data:`MEMBER`.

    Args:
        pair: An id that the requests of one pair share.
        is_main: Whether it is the request that the client sent.
        index: Which of the contrasts it is, if it is one.
        size: How many requests the pair has; more than two for a method of several contrasts, one if all of its
            contrasts are early exits.
        method: The method with its parameters.
        seed: The client's seed, if this package applies it; see
            :mod:`counterfoil.decoding.vllm.worker.logits_processor`.
        exits: After which layers of the main request the model itself is a contrast, read behind all others.
    """

    pair: str
    is_main: bool
    method: Method
    seed: int | None = None
    index: int = 0
    size: int = 2
    exits: tuple[int, ...] = ()


def member_of(extra_args: Mapping[str, Any] | None) -> PairMember | None:
    """Return the pair member that `extra_args` hold, or `None` for a request without a pair."""
    return extra_args.get(MEMBER) if extra_args else None


def search_of(extra_args: Mapping[str, Any] | None) -> ContrastiveSearch | None:
    """Return the contrastive search that `extra_args` hold, or `None` for any other request."""
    return extra_args.get(SEARCH) if extra_args else None


class ParsedArgs(dict[str, Any]):
    """`extra_args` that this process has parsed already, with the result.

    To anyone who copies or sends them they are a dictionary. The engine core, another process, gets a plain one and
    parses it.

    Args:
        extra_args: The arguments.
        params: What :func:`parse_contrast` made of them.
    """

    def __init__(self, extra_args: Mapping[str, Any], params: ContrastParams) -> None:
        super().__init__(extra_args)
        self.params = params


def has_contrast_keys(extra_args: Mapping[str, Any] | None) -> bool:
    """Return whether any key is this library's, in whatever case it is written."""
    return any(isinstance(key, str) and key.lower().startswith((PREFIX, RESERVED)) for key in extra_args or ())


def is_traced(extra_args: Mapping[str, Any] | None) -> bool:
    """Return whether a request asks for a trace."""
    return bool((extra_args or {}).get(TRACE))


def general_keys(keys: Mapping[str, Any]) -> dict[str, Any]:
    """Return a request's keys with the texts of its contrast under their general names.

    CFG's contrast is a negative prompt: its `cf_negative_prompt` is `cf_contrast_prompt`.

    Args:
        keys: The `cf_` keys as they came; a name that is not the method's own stays, to be refused as unknown.

    Raises:
        ValueError: A text is given under both names.
    """
    method = METHODS.get(keys[METHOD]) if isinstance(keys.get(METHOD), str) else None
    if method is None or method.contrast_name == "contrast":
        return dict(keys)
    own = f"{PREFIX}{method.contrast_name}_"
    found: dict[str, Any] = {}
    for key, value in keys.items():
        general = f"{PREFIX}contrast_{key.removeprefix(own)}" if key.startswith(own) else key
        if general in keys and general != key:
            raise ValueError(f"`{key}` has to be the only contrast, but `{general}` is given as well")
        found[general] = value
    return found


def takes_contrast(keys: Mapping[str, Any]) -> bool:
    """Return whether the method of these keys is given something to contrast with; contrastive search is not."""
    return keys.get(METHOD) != ContrastiveSearch.name


def flag_keys() -> frozenset[str]:
    """Return the keys whose values are true or false."""
    parameters = (parameter for method in served_methods().values() for parameter in _served(method))
    return frozenset(
        {TRACE, WITHOUT_ADAPTER, *(PREFIX + parameter.name for parameter in parameters if parameter.kind is bool)}
    )


def check_case(key: str) -> None:
    """Reject a key of this library that is not in lower case.

    Raises:
        ValueError: Names the key and its right form.
    """
    if key != key.lower():
        raise ValueError(f"`{key}` is not known: keys are in lower case, `{key.lower()}`")


def parse_contrast(extra_args: Mapping[str, Any] | None, *, amateur_model: bool = False) -> ContrastParams | None:
    """Return the contrast that `extra_args` asks for, or `None` for a plain request.

    Args:
        extra_args: The `extra_args` of `SamplingParams`; keys of other plug-ins are left alone.
        amateur_model: Whether the engine runs two models: contrastive decoding then contrasts with the second one, and
            there is no other method.

    Raises:
        ValueError: For an unknown key or method, a value out of range, no contrast or more than one; names the key, the
            value and the remedy.
    """
    if isinstance(extra_args, ParsedArgs):
        return extra_args.params
    if not has_contrast_keys(extra_args):
        return None
    assert extra_args is not None
    given = {key: value for key, value in extra_args.items() if has_contrast_keys({key: value})}
    for key in given:
        check_case(key)
    method = _method_class(given, amateur_model)
    _refuse_unknown(given, method)
    if WITHOUT_ADAPTER in given:
        check_flag(WITHOUT_ADAPTER, given[WITHOUT_ADAPTER])
    if TRACE in given:
        check_flag(TRACE, given[TRACE])
        if given[TRACE] and (amateur_model or EARLY_EXIT in given):
            beside = "on an engine with an amateur model" if amateur_model else f"beside `{EARLY_EXIT}`"
            raise ValueError(f"`{TRACE}` has to be left out {beside}, but is true")
    if SEED in given:
        check_integer(SEED, given[SEED], 0)
    params = ContrastParams(
        method(**{p.name: _checked(p, given[PREFIX + p.name]) for p in _served(method) if PREFIX + p.name in given}),
        contrast_ids=read_ids(CONTRAST_IDS, given[CONTRAST_IDS]) if CONTRAST_IDS in given else (),
        without_adapter=bool(given.get(WITHOUT_ADAPTER, False)),
        seed=given.get(SEED, 0),
        trace=is_traced(given),
        exits=check_exits(EARLY_EXIT, given[EARLY_EXIT]) if EARLY_EXIT in given else (),
    )
    _check_contrast(params, amateur_model)
    return params


def reads_sequences(method: type[Method]) -> bool:
    """Return whether the contrasts of a method are other sequences of tokens, and no more than one request may have."""
    most = {"prompt": MOST_CONTRASTS, "model": MOST_CONTRASTS, "image": 1}.get(method.contrast, -1)
    return (method.contrasts or 1) <= most


def served_methods() -> dict[str, type[Method]]:
    """Return the methods that an engine serves, by name.

    Their contrasts are other sequences of tokens, or the other candidates for the next one.
    """
    return {name: method for name, method in METHODS.items() if method is ContrastiveSearch or reads_sequences(method)}


def _served(method: type[Method]) -> list[Parameter]:
    return [parameter for parameter in method.parameters() if parameter.is_served]


def _checked(parameter: Parameter, value: object) -> Any:  # noqa: ANN401
    key = PREFIX + parameter.name
    if parameter.served_choices:
        check_choice(key, value, parameter.served_choices)  # type: ignore[arg-type]
    return check_tokens(key, value) if key == CUT_CONTEXT else parameter.checked(value, key)


def _method_class(given: Mapping[str, Any], amateur_model: bool) -> type[Method]:
    for key in given:
        if key.startswith(RESERVED):
            raise ValueError(f"`{key}` has to be left out: keys that begin with {RESERVED} are the engine's own")
    served = served_methods()
    known = [name for name, method in served.items() if _contrasts_models(method) or not amateur_model]
    names = ", ".join(map(repr, known))
    if METHOD not in given:
        raise ValueError(f"`{METHOD}` has to be one of {names}, but is missing beside `{next(iter(given))}`")
    method = given[METHOD]
    if not isinstance(method, str) or method not in known:
        elsewhere = isinstance(method, str) and method in served
        reason = ", not served here (an engine with an amateur model)" if elsewhere else ""
        raise ValueError(f"`{METHOD}` has to be one of {names}, but is {method!r}{reason}")
    return served[method]


def _contrasts_models(method: type[Method]) -> bool:
    """Return whether an engine with an amateur serves a method: of a contrast that is another model, one of them."""
    return method.contrast == "model" and method.contrasts == 1 and not method.needs_step


def _refuse_unknown(given: Mapping[str, Any], method: type[Method]) -> None:
    parameters = [PREFIX + parameter.name for parameter in _served(method)]
    parameters += [SEED] if method.contrast == "image" else []
    accepted = {METHOD, CONTRAST_IDS, CUT_CONTEXT, EARLY_EXIT, WITHOUT_ADAPTER, TRACE, *parameters}
    if method.contrast == "candidates":
        for key in given:
            if key not in (METHOD, *parameters):
                takes = " and ".join(parameters)
                raise ValueError(f"`{key}` has to be left out: {method.name} takes {takes}, and no contrast")
        return
    for key in given:
        if key in TEXT_KEYS:
            raise ValueError(
                f"`{key}` has to become `{CONTRAST_IDS}` before the engine sees it: over HTTP the middleware of "
                "`counterfoil serve` does that, offline counterfoil.decoding.vllm.offline"
            )
        if key not in accepted:
            raise ValueError(
                f"`{key}` is not known: {method.name} takes {', '.join(parameters)}, and the contrast is given as "
                f"{CONTRAST_IDS}, {', '.join(TEXT_KEYS)}, {CUT_CONTEXT}, {EARLY_EXIT} or {WITHOUT_ADAPTER}"
            )
    if CUT_CONTEXT in given and method.contrast != "model":
        raise ValueError(f"`{CUT_CONTEXT}` has to go with contrastive_decoding, but `{METHOD}` is {method.name!r}")


def _check_contrast(params: ContrastParams, amateur_model: bool) -> None:
    if params.searches:
        return
    if params.cut_context is not None and params.contrast_ids:
        raise ValueError(f"`{CUT_CONTEXT}` has to be the only contrast, but `{CONTRAST_IDS}` is given as well")
    given = params.contrast_ids or params.cut_context is not None or params.without_adapter or params.exits
    if amateur_model:
        if given:
            raise ValueError(
                "the contrast has to be left out, but is given: this engine contrasts with its amateur model"
            )
    elif params.changes_image:
        if given:
            raise ValueError(
                f"the contrast of {params.method.name} is an image made from the request's own: leave it out"
            )
    elif given:
        if params.count > MOST_CONTRASTS:
            raise ValueError(f"a request has to have at most {MOST_CONTRASTS} contrasts, but has {params.count}")
        params.method.check_contrasts(params.count, prefix=PREFIX)
    else:
        raise ValueError(
            f"{params.method.name} has to be given something to contrast with, but has none: give "
            f"{', '.join(TEXT_KEYS)}, {CONTRAST_IDS} or {EARLY_EXIT}"
        )
