"""The arguments and the documentation of a logits processor, derived from the fields of its method."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from textwrap import fill
from types import FunctionType
from typing import Any

from ..methods.method import Method
from ..methods.parameters import Parameter


def with_parameters(function: Callable[..., Any], parameters: Iterable[Parameter]) -> inspect.Signature:
    """Return the signature of `function` with its `**parameters` written out.

    They stand in front of the other keyword-only arguments. An argument of the function's own stays where it is.

    Args:
        function: A function that takes `**parameters`.
        parameters: What they may be.
    """
    own = [p for p in inspect.signature(function).parameters.values() if p.kind is not p.VAR_KEYWORD]
    named = [
        inspect.Parameter(p.name, inspect.Parameter.KEYWORD_ONLY, default=p.default, annotation=p.annotation)
        for p in parameters
        if p.name not in {parameter.name for parameter in own}
    ]
    positional = [p for p in own if p.kind is not p.KEYWORD_ONLY]
    keywords = [p for p in own if p.kind is p.KEYWORD_ONLY]
    return inspect.signature(function).replace(parameters=[*positional, *named, *keywords])


def without_self(signature: inspect.Signature) -> inspect.Signature:
    """Return the signature of a call of the class, given that of its `__init__`."""
    _, *parameters = signature.parameters.values()
    return signature.replace(parameters=parameters, return_annotation=inspect.Signature.empty)


def copied(function: Callable[..., Any], signature: inspect.Signature, doc: str) -> FunctionType:
    """Return a copy of a function that says of itself what `signature` and `doc` say."""
    assert isinstance(function, FunctionType)
    made = FunctionType(
        function.__code__, function.__globals__, function.__name__, function.__defaults__, function.__closure__
    )
    made.__kwdefaults__ = dict(function.__kwdefaults__ or {})
    made.__annotations__ = dict(function.__annotations__)
    made.__module__, made.__qualname__, made.__doc__ = function.__module__, function.__qualname__, doc
    made.__signature__ = signature  # type: ignore[attr-defined]
    return made


def described(doc: str | None, method: type[Method], parameters: Iterable[Parameter]) -> str:
    """Return a docstring with the method's own text in the place of `{method}` and the arguments in `{parameters}`."""
    text = inspect.cleandoc(doc or "")
    _, _, body = inspect.cleandoc(method.__doc__ or "").partition("\n\n")
    return text.replace("{method}", body).replace("    {parameters}", "\n".join(map(_argument, parameters)))


def _argument(parameter: Parameter) -> str:
    sentences = [parameter.help[0].upper() + parameter.help[1:]]
    if parameter.described_range:
        sentences.append(parameter.described_range[0].upper() + parameter.described_range[1:])
    if parameter.letter:
        sentences.append(f"The paper's {parameter.letter}")
    text = f"{parameter.name}: {'. '.join(sentences)}."
    return fill(text, 120, initial_indent=" " * 4, subsequent_indent=" " * 8)
