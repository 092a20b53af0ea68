from __future__ import annotations

from tests.support.browser import browser, drag, in_view, lit, open_page

__all__ = ["browser", "drag", "in_view", "lit", "open_page"]
