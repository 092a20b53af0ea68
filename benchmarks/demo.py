"""What `make demo` takes with drafts and without, and how much of that is the writing of the answer.

    python benchmarks/demo.py --json out/demo.json

The command is run as a whole, in processes of their own; then its answer is written in this one. With drafts and
without take turns; seconds of the processor, all threads together.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import torch
from counterfoil.attribution.loaders.documents import read_documents
from counterfoil.grounding import answer
from counterfoil.grounding.engine import Generated
from counterfoil.grounding.local_engine import LocalEngine
from counterfoil.models import LanguageModel, load_language_model
from measuring import command, machine, with_fixed_allocator, write_record
from rich.console import Console

QUESTION = "When was the lighthouse at Morrow Point built, and by whom?"
"""As in the Makefile."""
DOCUMENTS = Path(__file__).parents[1] / "examples" / "documents"
WAYS = {"with drafts": True, "without drafts": False}


class TimedEngine(LocalEngine):
    """Notes how many tokens an answer took, and how many seconds of the processor."""

    def generate(self, *given: Any, **named: Any) -> Generated:
        """Write one answer."""
        begun = time.process_time()
        found = super().generate(*given, **named)
        self.seconds, self.tokens = time.process_time() - begun, found.n_tokens
        return found


def seconds_of_command(drafts: bool, folder: Path) -> tuple[float, str]:
    """Return the seconds of the processor that the whole command takes, and what it prints."""
    options = ["--report", str(folder / "report.html"), "--json", str(folder / "answer.json")]
    options += [] if drafts else ["--no-drafts"]
    asked = [str(Path(sys.executable).parent / "counterfoil"), "ask", QUESTION, "--documents", str(DOCUMENTS), *options]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    printed = subprocess.run(asked, check=True, capture_output=True, text=True).stdout
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return seconds, printed.replace(f"{folder}/", "")


def written(language: LanguageModel, drafts: bool, documents: Any) -> dict[str, Any]:
    """Return the answer, its tokens and the seconds of the processor that writing it took, prompt included."""
    engine = TimedEngine(language, drafts=drafts)
    found = answer(QUESTION, documents, engine=engine, locate="none")
    return {"text": found.answers[0].record.text, "tokens": engine.tokens, "seconds": engine.seconds}


def main() -> None:
    """Measure, print, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    with_fixed_allocator()
    torch.set_num_threads(1)
    console = Console(width=120)
    record: dict[str, Any] = {"command": command(), "machine": machine(), "runs": []}
    documents, language = read_documents([DOCUMENTS]).documents, load_language_model()
    for drafts in WAYS.values():
        written(language, drafts, documents)  # warms up, and tries what drafts rely on
    for _ in range(arguments.repetitions):
        for way, drafts in WAYS.items():
            with tempfile.TemporaryDirectory() as folder:
                seconds, printed = seconds_of_command(drafts, Path(folder))
            record["runs"].append({"way": way, "command_seconds": seconds, "printed": printed})
            record["runs"][-1] |= {"answer": written(language, drafts, documents)}
    same = len({(run["printed"], run["answer"]["text"]) for run in record["runs"]}) == 1
    console.print("the same answer and verdicts" if same else "OTHER ANSWERS")
    for way in WAYS:
        own = [run for run in record["runs"] if run["way"] == way]
        whole = median(run["command_seconds"] for run in own)
        writing = median(run["answer"]["seconds"] for run in own)
        console.print(f"{way}: {whole:.1f} s, of which {writing:.2f} s write {own[0]['answer']['tokens']} tokens")
    write_record(arguments.json, {**record, "same": same})


if __name__ == "__main__":
    main()
