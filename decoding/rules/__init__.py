"""Rules: how views are combined. Pure functions of logits, in torch alone; never in place, float32 out.

Every rule keeps what the main view forbids (-inf stays -inf), makes no NaN and leaves at least one finite token a row.
"""

from __future__ import annotations

from .cad import cad
from .cid import cid
from .contrastive_decoding import contrastive_decoding
from .contrastive_search import contrastive_search
from .dola import dola, dola_layer, jensen_shannon
from .plausibility import plausible

__all__ = [
    "cad",
    "cid",
    "contrastive_decoding",
    "contrastive_search",
    "dola",
    "dola_layer",
    "jensen_shannon",
    "plausible",
]
