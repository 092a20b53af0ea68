"""A page to ask: documents and a question in, an answer that is checked while it is written, and a person's review."""

from __future__ import annotations

from .models import Models
from .server import AppServer
from .session import Session, Settings

__all__ = ["AppServer", "Models", "Session", "Settings"]
