"""`counterfoil eval list`: which tasks there are."""

from __future__ import annotations

from .failing import guarded


def tasks() -> None:
    """The tasks, with the methods that they are run with by default and the file that each reads."""
    with guarded():
        from counterfoil.eval.judged import JudgeTask
        from counterfoil.eval.registry import PACKAGED, names, task
        from counterfoil.eval.results import markdown

        rows = [["task", "what", "methods", "data", "version"]]
        for name in names():
            found = task(name)
            methods = "an entailment model" if isinstance(found, JudgeTask) else found.methods
            data = "shipped" if found.data.startswith(PACKAGED) else found.data or "drawn"
            rows.append([name, found.summary, methods, data, str(found.version)])
        print(markdown(rows))
