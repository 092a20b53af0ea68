"""Citations in the JSON of Anthropic, OpenAI and Cohere, and back."""

from __future__ import annotations

from .anthropic import from_anthropic, to_anthropic
from .cited import CitedText, Link
from .cohere import from_cohere, to_cohere
from .openai import from_openai, to_openai, to_openai_chat

EXPORTERS = {"anthropic": to_anthropic, "openai": to_openai, "cohere": to_cohere}
"""What writes each dialect."""

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
