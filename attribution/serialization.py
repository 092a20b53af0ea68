"""JSON of the result types: written, read back and described from the one declaration of each type.

Result types are frozen dataclasses. Their annotations say what JSON may hold (:data:`Text`, :data:`Probability`), and
their docstrings become the descriptions of the published schema.
"""

from __future__ import annotations

import inspect
import json
import re
from dataclasses import is_dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated, Any, TypeVar

from pydantic import BeforeValidator, ConfigDict, Field, PlainSerializer, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

T = TypeVar("T")

_SURROGATES = re.compile("[\ud800-\udfff]")
_ROLE = re.compile(r":\w+:`~?(?:[\w.]+\.)?(\w+)`")
_ARGUMENT = re.compile(r"(?m)^ {4}(\w+): ((?:.|\n(?! {4}\S))*)")


def without_surrogates(text: Any) -> Any:  # noqa: ANN401 (what is no string is left to the validator)
    """Return `text` with U+FFFD in place of each lone surrogate, which UTF-8 cannot encode; offsets do not change."""
    return _SURROGATES.sub("�", text) if isinstance(text, str) else text


Text = Annotated[str, BeforeValidator(without_surrogates), PlainSerializer(without_surrogates, return_type=str)]
"""A string that is written as valid Unicode."""

Probability = Annotated[float, Field(ge=0.0, le=1.0)]

STRICT = ConfigDict(extra="forbid")
"""`__pydantic_config__` of a result type: JSON with an unknown field is refused."""


def as_data(value: Any) -> Any:  # noqa: ANN401 (a result, and JSON values)
    """Return a result as JSON values: dicts, lists, strings, numbers."""
    return _adapter(type(value)).dump_python(value, mode="json")


def as_json(value: Any, *, indent: int | None = None) -> str:  # noqa: ANN401 (any result type)
    """Return a result as JSON text."""
    return _adapter(type(value)).dump_json(value, indent=indent).decode()


def from_json(kind: type[T], text: str | bytes) -> T:
    """Return the result of type `kind` that was written as JSON text.

    Raises:
        pydantic.ValidationError: If the text is something else, naming the field.
    """
    return _adapter(kind).validate_json(text)


def from_data(kind: type[T], data: Any) -> T:  # noqa: ANN401 (JSON values)
    """Return the result of type `kind` that was written as JSON values.

    Raises:
        pydantic.ValidationError: If they are something else, naming the field.
    """
    return _adapter(kind).validate_python(data)


def schema_of(kind: type) -> dict[str, Any]:
    """Return the JSON schema of what :func:`as_json` writes for a result type."""
    return _adapter(kind).json_schema(mode="serialization", schema_generator=_Schema)


@cache
def _adapter(kind: type[T]) -> TypeAdapter[T]:
    return TypeAdapter(kind)


def _described(text: str) -> str:
    """Return a docstring's words for readers of JSON."""
    return _ROLE.sub(r"`\1`", " ".join(text.split())).replace("`None`", "`null`")


class _Schema(GenerateJsonSchema):
    """Every field is written, so every field is required; descriptions come from the docstrings' `Args:`."""

    def field_is_required(self, field: Any, total: bool) -> bool:  # noqa: ANN401 (pydantic's signature)
        return True

    def default_schema(self, schema: Any) -> dict[str, Any]:  # noqa: ANN401 (pydantic's signature)
        return self.generate_inner(schema["schema"])

    def dataclass_schema(self, schema: Any) -> dict[str, Any]:  # noqa: ANN401 (pydantic's signature)
        found = super().dataclass_schema(schema)
        kind = schema["cls"]
        if is_dataclass(kind) and kind.__doc__:
            summary, _, arguments = inspect.cleandoc(kind.__doc__).partition("\nArgs:\n")
            found["description"] = _described(summary)
            for name, text in _ARGUMENT.findall(arguments):
                if name in found.get("properties", {}):
                    found["properties"][name]["description"] = _described(text)
        return found


def json_text(value: object) -> str:
    """Return `value` as indented JSON that ends with a line break.

    Raises:
        ValueError: It holds a NaN or an infinity, which JSON does not know.
    """
    return json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False) + "\n"


def package_versions(*packages: str) -> dict[str, str]:
    """Return the version of each installed package by its name; packages that are not installed are left out."""
    found = {}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
