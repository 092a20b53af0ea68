"""Everything that decides what comes out of a training run, stored beside the weights."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Recipe:
    """Settings of a training run.

    Args:
        seed: Of initial weights, dropout, the split and the order of pairs.
        rank: Rank of the change to each linear layer of the encoder.
        alpha: Its factor is `alpha / rank`.
        hidden: Width of the head's hidden layer.
        window: Tokens of premise and hypothesis together in training, as far as `least` allows.
        reading_window: The same for the trained model at work; it need not pay for gradients.
        least: Tokens that the premise has at any rate.
        epochs: Passes, if time allows. After the second, held-out pairs get worse.
        pairs_per_step: Pairs in one step.
        learning_rate: Highest rate, of adapter and head alike.
        weight_decay: AdamW's.
        warm_up: Share of the run in which the rate rises.
        smoothing: Label smoothing.
        average: Decay of the moving average of the weights; the average is what is stored.
        contrast: Pairs an epoch that are made from sentences of the premises.
        half: Whether products of matrices are taken in bfloat16, twice as fast if the processor has them.
        held_out: Pairs a source that are kept for choosing the step, the temperature and the threshold.
        shares: Share of a source that one epoch takes, 1 if it is not named: long premises cost most and, their
            labels being the noisiest, teach least.
    """

    seed: int = 0
    rank: int = 32
    alpha: int = 64
    hidden: int = 96
    window: int = 144
    reading_window: int = 256
    least: int = 64
    epochs: int = 2
    pairs_per_step: int = 48
    learning_rate: float = 1e-3
    weight_decay: float = 0.01
    warm_up: float = 0.06
    smoothing: float = 0.05
    average: float = 0.995
    contrast: int = 2000
    half: bool = False
    held_out: int = 200
    shares: dict[str, float] = field(
        default_factory=lambda: {"begin": 0.7, "faithdial_audit": 0.6, "summedits": 0.35, "expertqa_claims": 0.35}
    )
