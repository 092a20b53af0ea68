"""Do the citations of a RAG system's answers hold? A gate for continuous integration, with a report for people.

    python examples/score_in_ci.py

`counterfoil score` leaves with code 0 where the mean F1 of the citations is at least 0.6, and with 1 where it is not:
`counterfoil score answers.jsonl --fail-under 0.6 --report scores.html`.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

DOCUMENTS = Path(__file__).parent / "documents"
FERRY = (DOCUMENTS / "ferry.txt").read_text(encoding="utf-8")
SCHOOL = (DOCUMENTS / "school.txt").read_text(encoding="utf-8")
ANSWERS = [
    {
        "user_input": "How long does the crossing from Port Anwen to Stannick take?",
        "response": "The ferry crossing from Port Anwen to Stannick takes 55 minutes [1].",
        "retrieved_contexts": [FERRY],
    },
    {
        "user_input": "Who is the head teacher?",
        "response": "The head teacher of Port Anwen School is Marta Quill [2].",
        "retrieved_contexts": [FERRY, SCHOOL],
    },
]
WRONG = {
    "user_input": "Who is the head teacher?",
    "response": "The school is led by Oswin Harrow, who came from Canada [1].",
    "retrieved_contexts": [SCHOOL],
}


def gate(answers: list[dict], folder: Path) -> int:
    """The exit code of `counterfoil score` on these answers."""
    file, report = folder / "answers.jsonl", folder / "scores.html"
    file.write_text("".join(json.dumps(answer) + "\n" for answer in answers), encoding="utf-8")
    command = [sys.executable, "-c", "from counterfoil.cli import main; main()", "score", str(file), "--no-cache"]
    return subprocess.run([*command, "--fail-under", "0.6", "--report", str(report)], check=False).returncode


def main() -> int:
    """Score good answers, then the same with a wrong one."""
    with tempfile.TemporaryDirectory() as folder:
        print("Answers that hold:", flush=True)
        good = gate(ANSWERS, Path(folder))
        print("\nThe same beside two wrong ones:", flush=True)
        bad = gate([*ANSWERS, WRONG, WRONG], Path(folder))
    print(f"\nexit codes: {good} for the good answers, {bad} with the wrong ones")
    return 0 if (good, bad) == (0, 1) else 1


if __name__ == "__main__":
    sys.exit(main())
