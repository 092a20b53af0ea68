"""Rules: how views are combined. Pure functions of logits, in torch alone; never in place, float32 out.

Every rule keeps what the main view forbids (-inf stays -inf), makes no NaN and leaves at least one finite token a row.
"""

from __future__ import annotations

from .cad import cad
from .cid import cid
from .code import bounded_divergence, code
from .contrastive_decoding import contrastive_decoding
from .contrastive_search import contrastive_search
from .dola import dola, dola_layer, jensen_shannon
from .m3id import m3id, m3id_weight
from .plausibility import plausible
from .ritual import ritual
from .vcd import vcd

__all__ = [
    "bounded_divergence",
    "cad",
    "cid",
    "code",
    "contrastive_decoding",
    "contrastive_search",
    "dola",
    "dola_layer",
    "jensen_shannon",
    "m3id",
    "m3id_weight",
    "plausible",
    "ritual",
    "vcd",
]
