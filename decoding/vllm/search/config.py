# pyright: reportMissingImports=false, reportAttributeAccessIssue=false
"""Switch contrastive search on in an engine: its model is then vLLM's class with :class:`.model.Searching` in front.

To vLLM it is one more architecture, with the weights, the quantisation and the parallelism of the class behind it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ..engine_limits import AMATEUR, SEARCH_CONFIG, SearchLimits

PROCESSOR = "counterfoil.decoding.vllm.search.logits_processor:SearchLogitsProcessor"
PREFIX = "CounterfoilSearch"
"""What the names of architectures with contrastive search begin with; vLLM's own name follows."""

Overrides = Mapping[str, Any] | Callable[[Any], Any] | None


class SearchOverrides:
    """A function for vLLM's `hf_overrides` that switches contrastive search on in the configuration of a model.

    It travels in the engine's configuration, so that every process that receives one knows the architecture before it
    looks for the model.

    Args:
        limits: How much contrastive search the engine is started for.
        given: The user's own overrides.
    """

    def __init__(self, limits: SearchLimits, given: Overrides = None) -> None:
        self.limits, self.given = limits, given
        self.architecture: str | None = None

    def __call__(self, config: Any) -> Any:  # noqa: ANN401  (transformers' PreTrainedConfig)
        """Return the configuration of a model with contrastive search.

        Raises:
            ValueError: If a model of this kind cannot be served so; names the kind.
        """
        config = _overridden(config, self.given)
        architecture = (config.architectures or [""])[0]
        if not architecture or architecture.startswith(PREFIX):  # vLLM tries overrides on an empty configuration
            return config
        check_kind(architecture, config)
        self.architecture = architecture
        register(architecture)
        config.architectures = [PREFIX + architecture]
        setattr(config, SEARCH_CONFIG, asdict(self.limits))
        return config

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Register the architecture in the process that receives the engine's configuration."""
        self.__dict__.update(state)
        if self.architecture is not None:
            register(self.architecture)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.limits}, {self.given})"


@dataclass(frozen=True)
class SearchArchitecture:
    """An architecture with contrastive search, as vLLM's registry keeps it: what can be said of it without loading it
    is what vLLM says of the class behind it.

    Args:
        architecture: vLLM's own name.
    """

    architecture: str

    def inspect_model_cls(self) -> Any:  # noqa: ANN401
        """Return what vLLM knows of the class."""
        from vllm import ModelRegistry  # noqa: PLC0415

        return ModelRegistry.models[self.architecture].inspect_model_cls()

    def load_model_cls(self) -> Any:  # noqa: ANN401
        """Return the class."""
        from .model import searching_class  # noqa: PLC0415

        return searching_class(self.architecture)


def register(architecture: str) -> None:
    """Register the architecture with contrastive search with vLLM in this process."""
    from vllm import ModelRegistry  # noqa: PLC0415

    # Not by `register_model`, which would start a process to look into the class.
    known: Any = ModelRegistry.models
    known[PREFIX + architecture] = SearchArchitecture(architecture)


def check_kind(architecture: str, config: Any) -> None:  # noqa: ANN401
    """Reject a kind of model that contrastive search is not served with.

    Args:
        architecture: vLLM's name for it.
        config: transformers' configuration.

    Raises:
        ValueError: Names the kind and the remedy.
    """
    from vllm import ModelRegistry  # noqa: PLC0415
    from vllm.model_executor.models.config import MODELS_CONFIG_MAP  # noqa: PLC0415

    kinds = {
        "an engine with an amateur": hasattr(config, AMATEUR) or architecture.startswith("Counterfoil"),
        "an encoder-decoder model": getattr(config, "is_encoder_decoder", False),
        "a model that reads more than text": config is not config.get_text_config(),
        "a model for which vLLM has settings of its own": architecture in MODELS_CONFIG_MAP,
        "a model that vLLM does not have": architecture not in ModelRegistry.get_supported_archs(),
    }
    for kind, holds in kinds.items():
        if holds:
            raise ValueError(
                f"contrastive search has to be served with a plain decoder of text, but {architecture} is {kind}: "
                "start the engine without it"
            )


def _overridden(config: Any, given: Overrides) -> Any:  # noqa: ANN401
    if callable(given):
        return given(config)
    for name, value in (given or {}).items():
        part: Any = getattr(config, name, None)
        if isinstance(value, Mapping) and hasattr(part, "update"):
            part.update(value)
        else:
            setattr(config, name, value)
    return config
