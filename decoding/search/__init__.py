"""Looking one token ahead for k candidates: what contrastive search compares, for its loop and its processor alike."""

from __future__ import annotations

from .candidates import Lookahead
from .support import lookahead_for

__all__ = ["Lookahead", "lookahead_for"]
