"""The methods: pure functions of two views with their parameters, one file a method.

Every rule keeps what the main view forbids (-inf stays -inf), makes no NaN, leaves at least one finite token a row,
changes nothing in place and returns float32.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .cad import CAD as CAD
from .cfg import CFG as CFG
from .cid import CID as CID
from .code import CODE as CODE
from .code import bounded_divergence as bounded_divergence
from .contrastive_decoding import ContrastiveDecoding as ContrastiveDecoding
from .contrastive_search import ContrastiveSearch as ContrastiveSearch
from .contrastive_search import unit_norm as unit_norm
from .dexperts import DExperts as DExperts
from .dola import DoLa as DoLa
from .dola import dola_layer as dola_layer
from .dola import jensen_shannon as jensen_shannon
from .m3id import M3ID as M3ID
from .masked_logits import extrapolate as extrapolate
from .masked_logits import finite_floor as finite_floor
from .masked_logits import forbidden_as_in as forbidden_as_in
from .masked_logits import masked_to_plausible as masked_to_plausible
from .masked_logits import plausible as plausible
from .method import Method as Method
from .parameters import parameter as parameter
from .parameters import plausibility as plausibility
from .parameters import strength as strength
from .ritual import RITUAL as RITUAL
from .rule import RuleFunction, rule_class
from .table import MethodTable
from .vcd import VCD as VCD
from .weighted_sum import WeightedSum as WeightedSum

METHODS = MethodTable(
    CAD, CFG, CID, ContrastiveDecoding, DExperts, WeightedSum, DoLa, ContrastiveSearch, CODE, RITUAL, VCD, M3ID
)
"""Every method by its name."""
register = METHODS.register


def rule(name: str, *, contrasts: int = 1, **parameters: Any) -> Callable[[RuleFunction], RuleFunction]:  # noqa: ANN401
    """Register a function as the rule of a method of that name; to be used as a decorator.

        @rule("steered", strength=1.0)
        def steered(main, contrasts, params):
            return main + params["strength"] * (main - contrasts[0])

    Args:
        name: What requests, options and tables call it.
        contrasts: How many contrasts it reads.
        **parameters: Its parameters with their defaults.

    Raises:
        ValueError: The name is another method's or no identifier, or a default is of another kind.
    """

    def registered(function: RuleFunction) -> RuleFunction:
        function.method = register(rule_class(function, name, contrasts=contrasts, parameters=parameters))  # type: ignore[attr-defined]
        return function

    return registered
