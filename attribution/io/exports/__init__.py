"""Citations in the JSON of Anthropic, OpenAI and Cohere, and back."""

from __future__ import annotations

from ...registry import Registry
from .anthropic import from_anthropic, to_anthropic
from .cited import CitedText, Link
from .cohere import from_cohere, to_cohere
from .openai import from_openai, to_openai, to_openai_chat

EXPORTERS = Registry(
    "counterfoil.exporters",
    {
        "anthropic": f"{__name__}.anthropic:to_anthropic",
        "openai": f"{__name__}.openai:to_openai",
        "cohere": f"{__name__}.cohere:to_cohere",
    },
    parameter="format",
)
"""Functions of a :class:`CitedText` and its documents that return JSON values, by format. Installed packages add theirs
with the entry point group `counterfoil.exporters`."""

__all__ = [
    "EXPORTERS",
    "CitedText",
    "Link",
    "from_anthropic",
    "from_cohere",
    "from_openai",
    "to_anthropic",
    "to_cohere",
    "to_openai",
    "to_openai_chat",
]
