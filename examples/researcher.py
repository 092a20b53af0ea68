"""A contrast in `generate()`: the passage against what the model remembers, and what the passage did to each word.

python examples/researcher.py
"""

from __future__ import annotations

from counterfoil.decoding import CADLogitsProcessor, batched_views, contrastive_search
from counterfoil.models import load_language_model

PASSAGE = "In 2031 the government of France moved to Lyon, the new capital. "
QUESTION = "What is the capital of France? The capital of France is"


def main() -> None:
    """Decode plainly, by contrast in two loops, and by contrastive search."""
    lm = load_language_model()  # SmolLM2-135M-Instruct; any causal model and its tokenizer will do
    inputs = lm.tokenizer(PASSAGE + QUESTION, return_tensors="pt")
    contrast = lm.tokenizer(QUESTION, return_tensors="pt")  # the same question without the passage
    length = inputs["input_ids"].shape[1]

    def continued(**options: object) -> str:
        ids = lm.model.generate(**inputs, max_new_tokens=16, do_sample=False, pad_token_id=0, **options)
        return lm.tokenizer.decode(ids[0, length:], skip_special_tokens=True).strip()

    print("plain:                  ", continued())
    cad = CADLogitsProcessor(lm.model, contrast, strength=1.0, trace=True)
    print("CAD, strength 1:           ", continued(logits_processor=[cad]))
    print("the same, one forward:  ", continued(logits_processor=[cad], custom_generate=batched_views))
    print("contrastive search:     ", continued(custom_generate=contrastive_search, penalty_alpha=0.6, top_k=4))

    # How many nats did the passage add to the log-probability of each token?
    ids = lm.model.generate(**inputs, max_new_tokens=4, do_sample=False, pad_token_id=0, logits_processor=[cad])
    for token, nats in zip(ids[0, length:].tolist(), cad.trace(ids).difference[0].tolist(), strict=True):
        print(f"{nats:+7.2f}  {lm.tokenizer.decode([token])!r}")


if __name__ == "__main__":
    main()
