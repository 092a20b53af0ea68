"""Models by hub id, by path, or from the copy in an installed wheel."""

from __future__ import annotations

from .embedding import embedding_model_path, load_embedding_model
from .errors import ModelLoadError
from .language import LanguageModel, language_model_path, load_language_model
from .vision import SCENES, VisionModel, load_vision_model, vision_model_path

__all__ = [
    "SCENES",
    "LanguageModel",
    "ModelLoadError",
    "VisionModel",
    "embedding_model_path",
    "language_model_path",
    "load_embedding_model",
    "load_language_model",
    "load_vision_model",
    "vision_model_path",
]
