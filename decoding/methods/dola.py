"""Decoding by contrasting layers."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .masked_logits import finite_floor, forbidden_as_in, log_ratio, masked_to_plausible
from .method import Method
from .parameters import parameter, plausibility

if TYPE_CHECKING:
    from torch import Tensor

    Divergence = Callable[[Tensor, Tensor], Tensor]

BUCKETS = ("low", "high")


def check_layers(name: str, value: Any) -> str | int | tuple[int, ...]:  # noqa: ANN401
    """Return a bucket, a layer or a tuple of layers; reject anything else."""
    if isinstance(value, str):
        if value not in BUCKETS:
            raise ValueError(f"`{name}` has to be 'low', 'high', a layer or a list of layers, but is {value!r}")
        return value
    layers = (value,) if isinstance(value, int) else tuple(value) if isinstance(value, Sequence) else ()
    if not layers or len(set(layers)) < len(layers) or not all(_is_layer(layer) for layer in layers):
        raise ValueError(f"`{name}` has to be different layers, each at least 0, but is {value!r}")
    return value if isinstance(value, int) else layers


def read_layers(text: str) -> str | tuple[int, ...]:
    """Return the layers that a command line names: a bucket, or numbers with commas between them."""
    if text in BUCKETS:
        return text
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError as error:
        raise ValueError(f"--layers has to be low, high, a layer or several with commas, but is {text!r}") from error


@dataclass(frozen=True, kw_only=True)
class DoLa(Method):
    """Decoding by contrasting layers: prefer what the last layer knows and an earlier one did not yet.

        scores = log softmax z_N - log softmax z_j   where p_N >= plausibility * max p_N, else -inf
        j      = argmax JSD(softmax z_N || softmax z_j) over the candidate layers

    Chuang et al. 2023, arXiv 2309.03883, equations 2 to 4, where `plausibility` is alpha. The released code averages
    the divergence over the batch, so that the layer depends on the other rows, and exchanges the arguments of the
    Kullback-Leibler terms; this is the paper's, for each row by itself, among the tokens that the last layer allows:
    what an earlier processor has forbidden there is no difference between layers. `released` exchanges the arguments
    as well, and leaves the scores as they are, so that a repetition penalty behind them acts as it does there.

    `layers` is `"low"` or `"high"` for candidates in the lower or upper half, every second layer (of more than 40
    layers the first or last 20); a sequence of candidates; or one layer. 0 is the embeddings; the last layer is no
    candidate. The released code applies no final norm to an early layer (`norm=False`): on models whose hidden states
    are large the early distributions are then one-hot, all divergences reach log 2 and rounding chooses the layer.
    """

    name = "dola"
    title = "Decoding by contrasting layers"
    summary = "what the last layer adds"
    compares = "the last layer and an earlier one"
    paper = "Chuang et al. 2023, [DoLa](https://arxiv.org/abs/2309.03883), equations 2 to 4"
    contrast = "layer"
    processor = "counterfoil.decoding.processors.text:DoLaLogitsProcessor"

    layers: str | Sequence[int] | int = parameter(
        "high", help="candidate layers: low, high, a layer or several", makes_contrast=True, check=check_layers,
        parse=read_layers, range="`low`, `high`, one layer or several",
    )  # fmt: skip
    plausibility: float = plausibility(0.1, letter="alpha")
    norm: bool = parameter(True, help="early layers pass the final norm", makes_contrast=True)
    released: bool = parameter(
        False, help="the released code's divergence, and scores that are not normalised", makes_contrast=True
    )

    @property
    def is_distribution(self) -> bool:
        """Return whether the scores are normalised: the released code's are not."""
        return not self.released

    def chosen(self, main: Tensor, contrast: Tensor) -> Tensor:
        """Return the early logits `[rows, vocab]` of each row's layer, out of `[layers, rows, vocab]`."""
        return contrast.take_along_dim(self._place(main, contrast)[None, :, None], 0)[0]

    def coefficients(self, main: Tensor, contrast: Tensor, **context: Tensor | int) -> dict[str, Tensor]:
        """Return which layer each row is compared with, if `layers` names the candidates; else its place among them."""
        place = self._place(main, contrast)
        if isinstance(self.layers, str):
            return {"layer": place}
        layers = (self.layers,) if isinstance(self.layers, int) else self.layers
        return {"layer": place.new_tensor(layers)[place]}

    def scores(self, main: Tensor, contrast: Tensor) -> Tensor:
        """Return the rule's scores `[rows, vocab]`, float32.

        Args:
            main: `[rows, vocab]` logits of the last layer.
            contrast: `[rows, vocab]` logits of each row's early layer, see :meth:`chosen`.
        """
        return masked_to_plausible(log_ratio(main, finite_floor(contrast).log_softmax(-1)), main, self.plausibility)

    def _place(self, main: Tensor, contrast: Tensor) -> Tensor:
        return dola_layer(main, contrast, exchanged_divergence if self.released else None)


def dola_layer(main: Tensor, contrast: Tensor, divergence: Divergence | None = None) -> Tensor:
    """Return the candidate layer that differs most from the last one, for each row by itself.

    Args:
        main: `[rows, vocab]` logits of the last layer.
        contrast: `[layers, rows, vocab]` logits of the candidate layers.
        divergence: Of two log-distributions; :func:`jensen_shannon` by default.

    Returns:
        `[rows]` int64, indices into the first dimension of `contrast`.
    """
    best = main.new_zeros(len(main)).long()
    if len(contrast) == 1:
        return best
    log_p = main.float().log_softmax(-1)
    largest = log_p.new_full((len(main),), -math.inf)
    for place, layer in enumerate(contrast):
        found = (divergence or jensen_shannon)(log_p, forbidden_as_in(main, layer.float()).log_softmax(-1))
        better = found > largest
        best, largest = best.masked_fill(better, place), found.where(better, largest)
    return best


def jensen_shannon(p_log: Tensor, q_log: Tensor) -> Tensor:
    """Return the Jensen-Shannon divergence of two distributions over the last dimension, in nats, in [0, log 2].

    Args:
        p_log: Log-probabilities, `[..., vocab]`; may hold -inf.
        q_log: The same shape.
    """
    mixture = p_log.logaddexp(q_log) - math.log(2)

    def divergence(log_p: Tensor) -> Tensor:
        # 0 * log 0 = 0: a token that one view rules out adds nothing on that side.
        return (log_p.exp() * (log_p - mixture).masked_fill(log_p == -math.inf, 0.0)).sum(-1)

    return ((divergence(p_log) + divergence(q_log)) / 2).clamp(0.0, math.log(2))


def exchanged_divergence(p_log: Tensor, q_log: Tensor) -> Tensor:
    """Return what DoLa's released code takes for the Jensen-Shannon divergence, in nats, at least 0, without a bound.

        (KL(m || p) + KL(m || q)) / 2   where m = (p + q) / 2; the Jensen-Shannon divergence has KL(p || m), KL(q || m)

    Args:
        p_log: Log-probabilities, `[..., vocab]`; may hold -inf.
        q_log: The same shape.
    """
    mixture = p_log.logaddexp(q_log) - math.log(2)

    def divergence(log_p: Tensor) -> Tensor:
        return (mixture.exp() * (mixture - log_p).masked_fill(mixture == -math.inf, 0.0)).sum(-1)

    return ((divergence(p_log) + divergence(q_log)) / 2).clamp(min=0.0)


def _is_layer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
