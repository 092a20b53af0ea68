# Written by tools/derive.py. Change the source and run `python -m tools.derive`.
# pyright: reportIncompatibleMethodOverride=false, reportIncompatibleVariableOverride=false

from __future__ import annotations
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from transformers import PreTrainedModel
from ..methods.cad import CAD
from ..methods.cfg import CFG
from ..methods.cid import CID
from ..methods.contrastive_decoding import ContrastiveDecoding
from ..methods.dexperts import DExperts
from ..methods.dola import DoLa
from ..methods.parameters import Parameter
from ..methods.weighted_sum import WeightedSum
from ..views import CutContext, OtherPrompt, SamePrompt
from ..views.layer_view import CandidateLayers
from ..views.unwrap_model import unwrap_model
from .base import ContrastLogitsProcessor, View
from counterfoil.decoding.methods.cid import CIDRule
from counterfoil.decoding.methods.contrastive_decoding import Formulation

class PromptLogitsProcessor(ContrastLogitsProcessor):
    def __init__(self, model: PreTrainedModel, contrast_inputs: Mapping[str, Any], *, trace: bool=False, **parameters: Any) -> None: ...

class CADLogitsProcessor(PromptLogitsProcessor):
    method_class = CAD
    def __init__(self, model: PreTrainedModel, contrast_inputs: Mapping[str, Any], *, strength: float = 0.5, trace: bool = False) -> None: ...

class GuidanceLogitsProcessor(ContrastLogitsProcessor):
    method_class = CFG
    def __init__(self, model: PreTrainedModel, negative_inputs: Mapping[str, Any] | View | None = None, *, guidance_scale: float = 1.5, trace: bool = False) -> None: ...

class CIDLogitsProcessor(PromptLogitsProcessor):
    method_class = CID
    def __init__(self, model: PreTrainedModel, contrast_inputs: Mapping[str, Any], *, strength: float = 50.0, rule: CIDRule = ..., plausibility: float = 0.1, trace: bool = False) -> None: ...

class ContrastiveDecodingLogitsProcessor(ContrastLogitsProcessor):
    method_class = ContrastiveDecoding
    def __init__(self, model: PreTrainedModel, amateur: PreTrainedModel | View, *, strength: float = 0.5, plausibility: float = 0.1, formulation: Formulation = ..., amateur_temperature: float = 1.0, vocabulary_size: int | None = None, trace: bool = False) -> None: ...

class DExpertsLogitsProcessor(ContrastLogitsProcessor):
    method_class = DExperts
    def __init__(self, model: PreTrainedModel, experts: Sequence[PreTrainedModel | Mapping[str, Any] | View], *, strength: float = 1.0, plausibility: float = 0.1, vocabulary_size: int | None = None, trace: bool = False) -> None: ...

class WeightedSumLogitsProcessor(ContrastLogitsProcessor):
    method_class = WeightedSum
    def __init__(self, model: PreTrainedModel, contrasts: Sequence[PreTrainedModel | Mapping[str, Any] | View], *, weights: tuple[float, ...] = (-0.5,), main_weight: float = 1.5, plausibility: float = 0.1, vocabulary_size: int | None = None, trace: bool = False) -> None: ...

class DoLaLogitsProcessor(ContrastLogitsProcessor):
    method_class = DoLa
    @classmethod
    def taken_parameters(cls) -> tuple[Parameter, ...]: ...
    def __init__(self, model: PreTrainedModel, layers: str | int | Sequence[int] = ..., *, plausibility: float = 0.1, norm: bool = True, released: bool = False, trace: bool = False) -> None: ...
