"""Views: what is compared. Each owns its inputs, positions and cache and follows the main sequence."""

from __future__ import annotations

from .early_exit import EarlyExit
from .following import FollowingView
from .inputs import Prompt, as_prompt
from .prompts import CutContext, OtherPrompt, SamePrompt

__all__ = ["CutContext", "EarlyExit", "FollowingView", "OtherPrompt", "Prompt", "SamePrompt", "as_prompt"]
