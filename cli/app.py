"""The command group. A command's file is imported when the command is run or its own help is shown."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click

from .errors import usage_errors

COMMANDS = {
    "ask": "Answer a question from documents, with checked citations.",
    "app": "Ask questions of documents in the browser, and review the answers.",
    "generate": "Continue a prompt, or answer a question about an image, by a contrastive method and plainly.",
    "locate": "Find the words of documents that support some words of an answer.",
    "score": "Score the citations of answers.",
    "view": "Show a file of answers in the browser, and locate the words that are selected there.",
    "export": "Write citations in the format of Anthropic, OpenAI or Cohere.",
    "calibrate": "Find the threshold of an entailment model on labelled pairs.",
    "serve": "Serve a model to OpenAI clients, with contrasts: vllm serve with the plug-in.",
    "eval": "Measure decoding methods and entailment models on published tasks.",
}
"""Summary of each command by its name; the command is the attribute of that name in the module of that name."""

ELSEWHERE = {"app": "view"}
"""The modules of the commands that stand in another one's."""


class LazyGroup(click.Group):
    """A group that imports a command when it is needed, which listing the commands does not do.

    Args:
        commands: Summary of each command by its name.
        package: The package with a module for each command.
    """

    def __init__(self, *args: Any, lazy_commands: Mapping[str, str], package: str, **kwargs: Any) -> None:  # noqa: ANN401
        super().__init__(*args, **kwargs)
        self.lazy_commands = lazy_commands
        self.package = package

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands in the order in which they are shown."""
        return list(self.lazy_commands)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        if cmd_name not in self.lazy_commands:
            return None
        return getattr(import_module(f".{ELSEWHERE.get(cmd_name, cmd_name)}", self.package), cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the name and the whole summary of each command."""
        with formatter.section("Commands"):
            formatter.write_dl(list(self.lazy_commands.items()))

    def main(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401  (click's signature)
        """Run a command and end the process with its exit code; what is wrong is told in one line."""
        with usage_errors():
            raise SystemExit(super().main(*args, **{**kwargs, "standalone_mode": False}) or 0)


@click.group(
    cls=LazyGroup,
    lazy_commands=COMMANDS,
    package=__package__,
    context_settings={"help_option_names": ["-h", "--help"], "show_default": True, "max_content_width": 100},
)
@click.version_option(package_name="counterfoil", message="%(prog)s %(version)s")
def app() -> None:
    """Contrastive decoding, and citations that have been checked."""
