"""A decoding method of your own: written outside of the package, registered, and used like the package's methods.

The method is examples/adacad/adacad.py. Here it is registered by a call. Installed (`pip install examples/adacad`) it
is found by its entry point, and `counterfoil generate --method adacad`, `counterfoil eval run --method none,adacad` and
a server know it as well.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from counterfoil.decoding import ContrastLogitsProcessor, Decoder, Decoding, OtherPrompt, batched_views
from counterfoil.decoding.methods import register
from counterfoil.models import load_language_model

sys.path.insert(0, str(Path(__file__).parent / "adacad"))
from adacad import AdaCAD

PASSAGE = "In 2031 the government of France moved to Lyon, the new capital. "
QUESTION = "What is the capital of France? The capital of France is"


def main() -> None:
    """Decode by it, with and without registration."""
    lm = load_language_model()
    inputs = lm.tokenizer(PASSAGE + QUESTION, return_tensors="pt")
    contrast = lm.tokenizer(QUESTION, return_tensors="pt")

    def generated(**options: object) -> torch.Tensor:
        return lm.model.generate(**inputs, max_new_tokens=2, do_sample=False, **options)

    def continued(**options: object) -> str:
        return lm.tokenizer.decode(generated(**options)[0, inputs["input_ids"].shape[1] :]).strip()

    # Without any registration: a view and the method.
    processor = ContrastLogitsProcessor(lm.model, OtherPrompt(lm.model, contrast), AdaCAD(scale=5.0), trace=True)
    print("plain decoding:        ", continued())
    print("AdaCAD:                ", continued(logits_processor=[processor]))
    print("the same, one forward: ", continued(logits_processor=[processor], custom_generate=batched_views))
    trace = processor.trace(generated(logits_processor=[processor]))
    print("strength at each token:", " ".join(f"{value:.2f}" for value in trace.coefficients["strength"][0].tolist()))

    # Registered: by its name, as tables and options speak of it.
    register(AdaCAD)
    decoding = Decoding("adacad", {"scale": 5.0})
    print(f"{decoding.label}:      ", continued(**Decoder(decoding, lm).options(inputs, contrast)))


if __name__ == "__main__":
    main()
