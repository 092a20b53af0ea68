# Written by tools/derive.py. Change the source and run `python -m tools.derive`.
# pyright: reportIncompatibleMethodOverride=false, reportIncompatibleVariableOverride=false

from .processors.text import CADLogitsProcessor as CADLogitsProcessor
from .processors.text import CIDLogitsProcessor as CIDLogitsProcessor
from .processors.images import CODELogitsProcessor as CODELogitsProcessor
from .processors.base import ContrastLogitsProcessor as ContrastLogitsProcessor
from .processors.text import ContrastiveDecodingLogitsProcessor as ContrastiveDecodingLogitsProcessor
from .prompts.contrastive_examples import ContrastiveExample as ContrastiveExample
from .search.processor import ContrastiveSearchLogitsProcessor as ContrastiveSearchLogitsProcessor
from .views import CutContext as CutContext
from .processors.text import DExpertsLogitsProcessor as DExpertsLogitsProcessor
from .decoder import Decoder as Decoder
from .by_name import Decoding as Decoding
from .processors.text import DoLaLogitsProcessor as DoLaLogitsProcessor
from .views import EarlyExit as EarlyExit
from .processors.text import GuidanceLogitsProcessor as GuidanceLogitsProcessor
from .decoder import ImageDecoder as ImageDecoder
from .processors.images import M3IDLogitsProcessor as M3IDLogitsProcessor
from .views import OtherPrompt as OtherPrompt
from .processors.images import RITUALLogitsProcessor as RITUALLogitsProcessor
from .views import SamePrompt as SamePrompt
from .images import Transform as Transform
from .processors.images import VCDLogitsProcessor as VCDLogitsProcessor
from .processors.text import WeightedSumLogitsProcessor as WeightedSumLogitsProcessor
from .prompts.contrastive_examples import analysing_messages as analysing_messages
from .generation import batched_views as batched_views
from .prompts.contrastive_examples import contrasting_messages as contrasting_messages
from .search.loop import contrastive_search as contrastive_search
from .generation import drafted_views as drafted_views
from .images import forget_descriptions as forget_descriptions
from .images import image_inputs as image_inputs

__all__ = ['CADLogitsProcessor', 'CIDLogitsProcessor', 'CODELogitsProcessor', 'ContrastLogitsProcessor', 'ContrastiveDecodingLogitsProcessor', 'ContrastiveExample', 'ContrastiveSearchLogitsProcessor', 'CutContext', 'DExpertsLogitsProcessor', 'Decoder', 'Decoding', 'DoLaLogitsProcessor', 'EarlyExit', 'GuidanceLogitsProcessor', 'ImageDecoder', 'M3IDLogitsProcessor', 'OtherPrompt', 'RITUALLogitsProcessor', 'SamePrompt', 'Transform', 'VCDLogitsProcessor', 'WeightedSumLogitsProcessor', 'analysing_messages', 'batched_views', 'contrasting_messages', 'contrastive_search', 'drafted_views', 'forget_descriptions', 'image_inputs']
