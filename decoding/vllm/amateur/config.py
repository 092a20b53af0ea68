# pyright: reportMissingImports=false, reportAttributeAccessIssue=false
"""Configure an engine that runs two models: contrastive decoding of an expert against a smaller amateur.

To vLLM the two are one model. So both have paged caches, chunked prefill and prefix caching, a request stays one
sequence, and the scheduler is vLLM's own. See :mod:`counterfoil.decoding.vllm.amateur.model`.
"""

from __future__ import annotations

from typing import Any

from ..engine_limits import AMATEUR

ARCHITECTURE = "CounterfoilExpertAndAmateur"
MODEL = "counterfoil.decoding.vllm.amateur.model:ExpertAndAmateur"
PROCESSOR = "counterfoil.decoding.vllm.amateur.logits_processor:AmateurLogitsProcessor"


def amateur_kwargs(expert: str, amateur: str, *, trust_remote_code: bool = False) -> dict[str, Any]:
    """Return the arguments with which `LLM(expert, ...)` contrasts with `amateur`.

    Args:
        expert: Hub id or folder of the model that is served.
        amateur: Hub id or folder of the smaller model.
        trust_remote_code: As for vLLM.

    Raises:
        ValueError: If the two do not share a family and a vocabulary, or are of a kind that cannot be paired.
    """
    from transformers import AutoConfig, AutoTokenizer  # noqa: PLC0415

    names = expert, amateur
    configs = [AutoConfig.from_pretrained(name, trust_remote_code=trust_remote_code) for name in names]
    families = [(config.architectures or [None])[0] for config in configs]
    if families[0] != families[1] or families[0] is None:
        raise ValueError(
            f"the amateur has to be of the expert's family, but {expert} is a {families[0]} and {amateur} a "
            f"{families[1]}: take a smaller model of the same release"
        )
    _check_kind(expert, configs[0])
    tokenizers = [AutoTokenizer.from_pretrained(name, trust_remote_code=trust_remote_code) for name in names]
    sizes = [config.vocab_size for config in configs]
    if sizes[0] != sizes[1] or tokenizers[0].get_vocab() != tokenizers[1].get_vocab():
        raise ValueError(
            f"expert and amateur have to share one vocabulary, but {expert} has {sizes[0]} tokens and {amateur} "
            f"{sizes[1]}{', with other meanings' if sizes[0] == sizes[1] else ''}: logits of other tokens cannot be "
            "subtracted"
        )
    if getattr(configs[0], "quantization_config", None) != getattr(configs[1], "quantization_config", None):
        raise ValueError(f"expert and amateur have to be quantised alike, but {expert} and {amateur} are not")
    named = {"model": amateur, "architecture": families[0], "trust_remote_code": trust_remote_code}
    register()
    return {
        "hf_overrides": {"architectures": [ARCHITECTURE], AMATEUR: named},
        "logits_processors": [PROCESSOR],
    }


def register() -> None:
    """Register the two-in-one model with vLLM in this process, if it is not registered yet."""
    from vllm import ModelRegistry  # noqa: PLC0415

    if ARCHITECTURE not in ModelRegistry.get_supported_archs():
        ModelRegistry.register_model(ARCHITECTURE, MODEL)


def _check_kind(name: str, config: Any) -> None:  # noqa: ANN401  (transformers' PreTrainedConfig)
    if config.is_encoder_decoder or config is not config.get_text_config():
        raise ValueError(
            f"the expert has to be a decoder of text alone to be served with an amateur, but {name} is a "
            f"{config.model_type}"
        )
