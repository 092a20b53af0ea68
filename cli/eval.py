"""`counterfoil eval`: the tasks, and running them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from .options import Command
from .output import print_table, stdout

SUMMARY = "Run tasks: a table each, every method beside the first."


class TaskGroup(click.Group):
    """`counterfoil eval run TASK...`: a command whose options are those of the tasks that stand first."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the tasks."""
        from counterfoil.eval import registry

        return registry.names()

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command:
        """Return the command that runs one task."""
        return self._command([cmd_name])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Take every argument before the first option as a task."""
        names: list[str] = []
        while args and not args[0].startswith("-"):
            names.append(args.pop(0))
        return " ".join(names), self._command(names), args

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the name and the summary of each task."""
        with formatter.section("Tasks"):
            formatter.write_dl([(name, summary) for name, summary, *_ in task_rows()])

    @staticmethod
    def _command(names: Sequence[str]) -> click.Command:
        from .eval_run import run_command

        return run_command(names)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
def eval() -> None:
    """Measure decoding methods and entailment models on published tasks."""


@eval.command("list", cls=Command)
def list_tasks() -> None:
    """List the tasks, with the methods that each is run with by default and the file that it reads."""
    head = ["task", "what", "methods", "data", "version"]
    print_table(stdout(), head, task_rows())


run = TaskGroup(
    name="run",
    subcommand_metavar="TASK... [OPTIONS]",
    help=f"{SUMMARY} TASK is a name, or a Python file with a task in it; `run TASK --help` shows its options.",
    no_args_is_help=True,
)
eval.add_command(run)


def task_rows() -> list[list[str]]:
    """Return name, summary, methods, data and version of each task; of one that cannot be imported, why."""
    from counterfoil.eval import registry

    rows = []
    for name in registry.names():
        try:
            task: Any = registry.task(name)
        except Exception as error:  # a package that is broken must not hide the others
            rows.append([name, f"cannot be imported: {error}", "", "", ""])
            continue
        data = "shipped" if task.data.startswith(registry.PACKAGED) else task.data or "drawn"
        methods = "an entailment model" if task.asks.engine == "judge" else task.methods
        rows.append([name, task.summary, methods, data, str(task.version)])
    return rows
