"""Views: what is compared. Each owns its inputs, positions and cache and follows the main sequence."""

from __future__ import annotations

from ..prompts.prompt import Prompt, as_prompt
from .early_exit import EarlyExit
from .prompt_view import FollowingView
from .prompts import CutContext, OtherPrompt, SamePrompt

__all__ = ["CutContext", "EarlyExit", "FollowingView", "OtherPrompt", "Prompt", "SamePrompt", "as_prompt"]
