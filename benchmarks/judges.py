"""How far a judge can be trusted, by kind of claim: true ones, changed details, unrelated ones, other scripts, markup.

    python benchmarks/judges.py local llm:MODEL --json out/judges.json

Each judge with the detail check and without. Every figure is a share of right verdicts with Wilson's interval at 95 %.
The claims are those of `examples` and of the tests; no judge of this project was trained on them.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

from counterfoil.attribution import EntailmentModel, Pair, load_entailment, score_citations
from counterfoil.attribution.entailment.detail_checked import detail_checked, is_detail_checked
from rich.console import Console
from rich.table import Table
from scipy.stats import binomtest

ROOT = Path(__file__).parents[1]
TESTS = ROOT / "tests"
LATIN = {"en", "de", "fr"}


def lines(path: Path) -> list[dict]:
    """Return the records of a file of JSON lines."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def facts() -> Iterator[tuple[str, Pair]]:
    """Yield the invented facts of the examples by kind, and each of them beside the documents of another answer."""
    records = lines(ROOT / "examples" / "laquer.jsonl")
    texts = ["\n\n".join(document["text"] for document in record["documents"]) for record in records]
    for n, record in enumerate(records):
        by_id = {document["id"]: document["text"] for document in record["documents"]}
        for fact in record["facts"]:
            premise = "\n\n".join(by_id[id_] for id_ in fact["cited"])
            kind = {"changed": "changed facts", "unsupported": "unsaid facts"}.get(fact["kind"], "true facts")
            yield kind, Pair(premise, fact["claim"])
        for fact in record["facts"][:6]:
            yield "unrelated", Pair(texts[(n + 1) % len(texts)], fact["claim"])


def pairs() -> Iterator[tuple[str, Pair]]:
    """Yield all pairs with the kind of their claim."""
    yield from facts()
    for record in lines(ROOT / "examples" / "details.jsonl"):
        kind = "paraphrases" if record["label"] == "supported" else "changed details, reworded"
        yield kind, Pair(record["premise"], record["hypothesis"])
    for name, kind in (("planted_errors", "changed details, verbatim"), ("planted_right", "true sentences")):
        for record in lines(TESTS / "cli" / "data" / f"{name}.jsonl"):
            yield kind, Pair(record["retrieved_contexts"][0], record["response"].replace(" [1]", ""))
    languages = json.loads((TESTS / "attribution" / "entailment" / "languages.json").read_text(encoding="utf-8"))
    for language in languages.keys() - LATIN:
        for premise in languages[language]["premises"]:
            for claim in languages[language]["unrelated_claims"]:
                yield "other scripts", Pair(premise, claim)


TRUE = {"true facts", "true sentences", "paraphrases"}


def measured(judge: EntailmentModel, limit: int | None) -> dict[str, tuple[int, int]]:
    """Return by kind how many verdicts are right, and of how many."""
    by_kind: dict[str, list[Pair]] = {}
    for kind, pair in pairs():
        by_kind.setdefault(kind, []).append(pair)
    found = {}
    for kind, some in by_kind.items():
        chosen = some[:limit]
        verdicts = [(j.supported or 0.0) >= judge.threshold for j in judge.judge(chosen)]
        found[kind] = (sum(verdict == (kind in TRUE) for verdict in verdicts), len(verdicts))
    right = total = 0
    for record in lines(TESTS / "attribution" / "data" / "markers.jsonl")[:limit]:
        if not any(ord(character) > 0x2FF and character.isalpha() for character in record["response"]):
            report = score_citations(
                record["response"],
                record["retrieved_contexts"],
                entailment=judge,
                quotes=False,
                detail_check=is_detail_checked(judge),
            )
            right += report.counts["supported"]
            total += len(report.statements)
    found["markup and notations"] = (right, total)
    return found


def main() -> None:
    """Print the table, and write it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("judges", nargs="*", default=["local"])
    parser.add_argument("--limit", type=int, help="Pairs of each kind; default: all.")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    written = {}
    table = Table("claims", "n")
    columns = []
    for name in options.judges:
        bare = load_entailment(name)
        for judge in (bare, detail_checked(bare)):
            table.add_column(judge.name)
            written[judge.name] = measured(judge, options.limit)
            columns.append(written[judge.name])
    for kind in columns[0]:
        cells = []
        for column in columns:
            right, total = column[kind]
            interval = binomtest(right, total).proportion_ci(method="wilson")
            cells.append(f"{right / total:.2f} [{interval.low:.2f}, {interval.high:.2f}]")
        table.add_row(kind, str(columns[0][kind][1]), *cells)
    Console(width=200).print(table)
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(written, indent=2))


if __name__ == "__main__":
    main()
