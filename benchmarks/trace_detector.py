"""The trace as a detector: did the documents raise the words of a statement, and does that tell supported ones apart?

    python benchmarks/trace_detector.py pairs.jsonl --limit 200 --traces out/traces.json --json out/trace_detector.json

Pairs have `premise`, `hypothesis`, `label` and `source` (human labels). A statement's trace is the mean over its tokens
of the log-probability with the premise in the prompt minus that without: what `counterfoil ask` shows as the influence
of the documents. Printed per source: AUROC of the trace, of the judge with its detail check, and of both together (a
logistic regression, fitted in five folds by premise), with bootstrap intervals over premises; and how much the two
together gain over the judge, with the interval of the difference on the same draws. With `--traces` the traces are kept
in a file, and those that stand there are not computed again: when the judge changes, a run takes seconds.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from counterfoil.attribution import Document, Pair, load_entailment
from counterfoil.attribution.entailment.detail_checked import detail_checked
from counterfoil.attribution.retrieval import Passage
from counterfoil.eval.labelled_pairs import by_source, read_pairs
from counterfoil.grounding.local_engine import LocalEngine
from counterfoil.models import load_language_model
from rich.console import Console
from rich.table import Table
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold, cross_val_predict

QUESTION = "What do the documents say?"
GAIN = "gain"


class TraceDetector:
    """Gives statements their trace.

    Args:
        model: Hub id or folder of the language model; `None` for SmolLM2-135M-Instruct.
        dtype: Of its weights.
    """

    def __init__(self, model: str | None, dtype: torch.dtype) -> None:
        self.language = load_language_model(model, dtype=dtype)
        self.engine = LocalEngine(self.language)

    @torch.inference_mode()
    def __call__(self, premise: str, statement: str) -> float:
        """Return the mean over the statement's tokens of how much the premise raised their log-probability."""
        words = self.language.tokenizer(statement, add_special_tokens=False, return_tensors="pt")["input_ids"]
        passage = Passage(Document("1", premise), 0, len(premise), 1.0)
        prompt = self.engine.prompt(QUESTION, [passage], words.shape[1])
        with_it, without = (self._logprob(view["input_ids"], words) for view in (prompt.main, prompt.contrast))
        return float((with_it - without).mean())

    def _logprob(self, prompt: torch.Tensor, words: torch.Tensor) -> torch.Tensor:
        ids = torch.cat([prompt, words], dim=1)
        logits = self.language.model(ids, logits_to_keep=words.shape[1] + 1).logits[0, :-1].float()
        return logits.log_softmax(-1).gather(-1, words[0].unsqueeze(-1)).squeeze(-1)


class KeptTraces:
    """Gives statements their trace from a file where it holds them, and else computes and adds them.

    Args:
        detector: Computes a trace.
        path: The file, JSON; `None` to keep nothing.
        settings: Model and precision, a part of each key.
    """

    def __init__(self, detector: Callable[[str, str], float], path: Path | None, settings: Sequence[str]) -> None:
        self.detector, self.path, self.settings = detector, path, list(settings)
        self.found: dict[str, float] = json.loads(path.read_text()) if path and path.exists() else {}

    def __call__(self, premise: str, statement: str) -> float:
        """Return the trace of a statement."""
        key = hashlib.sha256(json.dumps([*self.settings, QUESTION, premise, statement]).encode()).hexdigest()
        if key not in self.found:
            self.found[key] = self.detector(premise, statement)
            if self.path and len(self.found) % 20 == 0:
                self.write()
        return self.found[key]

    def write(self) -> None:
        """Write the file."""
        if self.path:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.write_text(json.dumps(self.found))


def intervals(truth: np.ndarray, columns: dict[str, np.ndarray], premises: list[str]) -> dict[str, tuple[float, float]]:
    """Return the bootstrap intervals at 95 % of each column's AUROC, and of how much `together` gains over `judge`.

    Premises are drawn whole, the same ones for all columns.
    """
    draw = random.Random(0)
    places: dict[str, list[int]] = {}
    for n, premise in enumerate(premises):
        places.setdefault(premise, []).append(n)
    groups = list(places.values())
    found: dict[str, list[float]] = {name: [] for name in (*columns, GAIN)}
    for _ in range(1000):
        chosen = [n for group in draw.choices(groups, k=len(groups)) for n in group]
        if 0 < truth[chosen].sum() < len(chosen):
            for name, scores in columns.items():
                found[name].append(float(roc_auc_score(truth[chosen], scores[chosen])))
            found[GAIN].append(found["together"][-1] - found["judge"][-1])
    ends = {name: np.percentile(values, [2.5, 97.5]) for name, values in found.items()}
    return {name: (float(low), float(high)) for name, (low, high) in ends.items()}


def together(columns: np.ndarray, truth: np.ndarray, premises: list[str]) -> np.ndarray:
    """Return the probability of support by all columns, each pair predicted by a fit on other premises."""
    folds = GroupKFold(n_splits=5)
    found = cross_val_predict(LogisticRegression(), columns, truth, groups=premises, cv=folds, method="predict_proba")
    return found[:, 1]


def main() -> None:
    """Print the table, and write it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pairs", type=Path)
    parser.add_argument("--sources", nargs="*")
    parser.add_argument("--limit", type=int, default=100, help="Pairs of each source, drawn at random.")
    parser.add_argument("--longest", type=int, default=3000, help="Characters of the longest premise that is taken.")
    parser.add_argument("--model")
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--traces", type=Path, help="Keep the traces in this file.")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    computed = TraceDetector(options.model, getattr(torch, options.dtype))
    detector = KeptTraces(computed, options.traces, [options.model or "", options.dtype])
    judge = detail_checked(load_entailment("local"))
    table = Table("source", "supported / other", "trace", judge.name, "together", "gain")
    written = {}
    for source, pairs in by_source(read_pairs(options.pairs)).items():
        if options.sources and source not in options.sources:
            continue
        short = [pair for pair in pairs if len(pair.premise) <= options.longest]
        some = random.Random(0).sample(short, len(short))[: options.limit]  # those of a smaller limit are among them
        truth = np.array([pair.supported for pair in some])
        premises = [pair.premise for pair in some]
        traces = np.array([detector(pair.premise, pair.hypothesis) for pair in some])
        detector.write()
        judged = judge.judge([Pair(pair.premise, pair.hypothesis) for pair in some])
        support = np.array([judgement.supported or 0.0 for judgement in judged])
        logits = np.log(np.clip(support, 0.01, 0.99) / (1 - np.clip(support, 0.01, 0.99)))
        columns = {"trace": traces, "judge": support}
        columns["together"] = together(np.stack([traces, logits], axis=1), truth, premises)
        values = {name: float(roc_auc_score(truth, scores)) for name, scores in columns.items()}
        values[GAIN] = values["together"] - values["judge"]
        ends = intervals(truth, columns, premises)
        cells = [f"{value:.2f} [{ends[name][0]:.2f}, {ends[name][1]:.2f}]" for name, value in values.items()]
        table.add_row(source, f"{truth.sum()} / {(~truth).sum()}", *cells)
        written[source] = {"n": len(some), "supported": int(truth.sum()), "premises": len(set(premises))}
        written[source] |= {name: [value, *ends[name]] for name, value in values.items()}
        if options.json:
            options.json.parent.mkdir(parents=True, exist_ok=True)
            options.json.write_text(json.dumps(written, indent=2))
    Console(width=160).print(table)


if __name__ == "__main__":
    main()
