"""Documents and a question: an answer whose every sentence is cited and checked, and a page that shows it.

    python examples/ask_documents.py

The same from a shell: `counterfoil ask "..." --documents examples/documents --report report.html --compare`.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

QUESTION = "How long does the ferry crossing from Port Anwen to Stannick take?"


def main() -> None:
    """Ask, and read the answer's record."""
    with tempfile.TemporaryDirectory() as folder:
        record, report = Path(folder) / "answer.json", Path(folder) / "report.html"
        command = [sys.executable, "-c", "from counterfoil.cli import main; main()", "ask", QUESTION]
        documents = Path(__file__).parent / "documents"
        options = ["--documents", str(documents), "--json", str(record), "--report", str(report)]
        subprocess.run([*command, *options], check=True)
        found = json.loads(record.read_text(encoding="utf-8"))
        print(f"\n{report.stat().st_size // 1024} KiB of report; the record says:")
        for statement in found["statements"]:
            quotes = [citation["quote"] for citation in statement["citations"] if citation["quote"]]
            print(f"{statement['status']}: {statement['text']}")
            print("".join(f"    “{' '.join(quote.split())}”\n" for quote in quotes), end="")


if __name__ == "__main__":
    main()
