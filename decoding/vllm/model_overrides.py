# pyright: reportMissingImports=false, reportAttributeAccessIssue=false
"""Serve a model by vLLM's class for it with a mixin of this package in front.

To vLLM it is one more architecture, with the weights, the quantisation and the parallelism of the class behind it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from .engine_limits import AMATEUR

Overrides = Mapping[str, Any] | Callable[[Any], Any] | None


class ModelOverrides(ABC):
    """A function for vLLM's `hf_overrides` that puts a mixin in front of a model's class.

    It travels in the engine's configuration, so that every process that receives one knows the architecture before it
    looks for the model.

    Args:
        value: What the model's configuration says of the mixin, under :attr:`entry`.
        given: The user's own overrides.
    """

    prefix: ClassVar[str]
    """What the names of architectures with the mixin begin with; vLLM's own name follows."""
    entry: ClassVar[str]
    """The entry of the model's configuration."""
    what: ClassVar[str]
    """What is served so, for messages."""

    def __init__(self, value: Any, given: Overrides = None) -> None:  # noqa: ANN401
        self.value, self.given = value, given
        self.architecture: str | None = None

    def __call__(self, config: Any) -> Any:  # noqa: ANN401  (transformers' PreTrainedConfig)
        """Return the configuration of a model with the mixin.

        Raises:
            ValueError: If a model of this kind cannot be served so; names the kind.
        """
        config = _overridden(config, self.given)
        architecture = (config.architectures or [""])[0]
        if not architecture or architecture.startswith(self.prefix):  # vLLM tries overrides on an empty configuration
            return config
        self.check_kind(architecture, config)
        self.architecture = architecture
        self.register(architecture)
        config.architectures = [self.prefix + architecture]
        setattr(config, self.entry, self.value)
        return config

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Register the architecture in the process that receives the engine's configuration."""
        self.__dict__.update(state)
        if self.architecture is not None:
            self.register(self.architecture)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.value}, {self.given})"

    @staticmethod
    @abstractmethod
    def load(architecture: str) -> type:
        """Return vLLM's class of that name with the mixin in front."""

    def check_kind(self, architecture: str, config: Any) -> None:  # noqa: ANN401
        """Reject a kind of model that is not served so.

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
                    f"{self.what} has to be served with a plain decoder of text, but {architecture} is {kind}: "
                    "start the engine without it"
                )

    @classmethod
    def register(cls, architecture: str) -> None:
        """Register the architecture with the mixin with vLLM in this process."""
        from vllm import ModelRegistry  # noqa: PLC0415

        # Not by `register_model`, which would start a process to look into the class.
        known: Any = ModelRegistry.models
        known[cls.prefix + architecture] = ExtendedArchitecture(architecture, cls.load)


@dataclass(frozen=True)
class ExtendedArchitecture:
    """An architecture with a mixin, as vLLM's registry keeps it: what can be said of it without loading it is what vLLM
    says of the class behind it.

    Args:
        architecture: vLLM's own name.
        load: Returns the class, given that name.
    """

    architecture: str
    load: Callable[[str], type]

    def inspect_model_cls(self) -> Any:  # noqa: ANN401
        """Return what vLLM knows of the class."""
        from vllm import ModelRegistry  # noqa: PLC0415

        return ModelRegistry.models[self.architecture].inspect_model_cls()

    def load_model_cls(self) -> Any:  # noqa: ANN401
        """Return the class."""
        return self.load(self.architecture)


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
