"""Views: what is compared. Each owns its inputs, positions and cache and follows the main sequence."""

from __future__ import annotations

from .following import FollowingView
from .inputs import Prompt, as_prompt

__all__ = ["FollowingView", "Prompt", "as_prompt"]
