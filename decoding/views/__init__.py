"""Views: what is compared. Each owns its inputs, positions and cache and follows the main sequence."""

from __future__ import annotations

from ..prompts.prompt import Prompt, as_prompt
from .layer_view import EarlyExit
from .prompt_view import CutContext, OtherPrompt, PromptView, SamePrompt

__all__ = ["CutContext", "EarlyExit", "OtherPrompt", "Prompt", "PromptView", "SamePrompt", "as_prompt"]
