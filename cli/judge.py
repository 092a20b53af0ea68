"""The entailment model that a command was given by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial

from counterfoil.attribution import EntailmentModel, load_entailment
from counterfoil.attribution.entailment.detail_checked import detail_checked

BATCH = 256
"""Pairs between two writes to the cache if one process judges."""


@dataclass(frozen=True)
class Judge:
    """An entailment model that is not loaded yet.

    Args:
        name: As :func:`~counterfoil.attribution.load_entailment` takes it.
        options: Of the model's class.
        detail_check: Whether the detail check stands beside it.
    """

    name: str = "local"
    options: Mapping[str, object] = field(default_factory=dict)
    detail_check: bool = True

    def load(self) -> EntailmentModel:
        """Load the model, with the detail check beside it if it is asked for.

        Raises:
            ValueError: There is no such model, or it has no such option.
            ModelLoadError: Its checkpoint cannot be loaded.
        """
        with self._option_errors():
            model = load_entailment(self.name, **self.options)
        return detail_checked(model, self.detail_check)

    @contextmanager
    def started(self, workers: int | None) -> Iterator[tuple[EntailmentModel, int]]:
        """Load the bare model in this process, or on `workers` Ray workers while the block runs.

        Yields:
            The model and how many pairs it is best given at once.

        Raises:
            ValueError: As for :meth:`load`, or there is no room for so many workers.
            ImportError: Ray is not installed.
        """
        if workers is None:
            yield replace(self, detail_check=False).load(), BATCH
            return
        from counterfoil.attribution.entailment.ray import RayEntailment

        gpus = float(str(self.options.get("device", "")).startswith("cuda"))
        with self._option_errors():
            model = RayEntailment(partial(load_entailment, self.name, **self.options), workers=workers, gpus=gpus)
        with model:
            yield model, model.batch

    @contextmanager
    def _option_errors(self) -> Iterator[None]:
        try:
            yield
        except TypeError as error:
            raise ValueError(f"--option has to be one that {self.name!r} takes, but {error}") from error
        except ValueError as error:
            raise ValueError(str(error).replace("`name`", "--entailment")) from error
