"""The tasks by name: every file of `eval/tasks/` is one."""

from __future__ import annotations

import pkgutil
from importlib import import_module
from importlib.resources import files
from pathlib import Path

from . import tasks
from .dataset import Source
from .judged import JudgeTask
from .task import Task
from .whole import WholeTask

PACKAGED = "package:"

Registered = Task | WholeTask | JudgeTask


def names() -> list[str]:
    """All tasks, in alphabetical order."""
    return sorted(found.name for found in pkgutil.iter_modules(tasks.__path__))


def task(name: str) -> Registered:
    """The task called `name`.

    Raises:
        ValueError: There is none of this name.
    """
    if name not in names():
        raise ValueError(f"a task has to be one of {', '.join(names())}, but is {name!r}")
    return import_module(f"{tasks.__name__}.{name}").TASK


def paths(found: Registered, data: Path | None) -> list[Path]:
    """The files of a task, in the order of their names.

    Args:
        found: The task; one that draws its own data has no files.
        data: The folder of the data sets, or the one file that the task reads.

    Raises:
        ValueError: There is no such file, the message says where it was looked for; or there are several and the task
            reads one.
    """
    if not found.data:
        return []
    if data is not None and data.is_file():
        return [data]
    if found.data.startswith(PACKAGED):
        return [Path(str(files(tasks.__name__).joinpath(found.data.removeprefix(PACKAGED))))]
    if data is None:
        raise ValueError(f"--data has to name the folder that holds {found.data}, or that file, for {found.name}")
    matching = sorted(path for path in data.glob(found.data) if path.is_file())
    if not matching:
        raise ValueError(f"cannot read {found.name}: there is no {found.data} in {str(data)!r}. Check --data")
    if len(matching) > 1 and not isinstance(found, Task):
        several = ", ".join(path.name for path in matching)
        raise ValueError(f"--data has to name one file for {found.name}, but {str(data)!r} has several: {several}")
    return matching


def source(found: Registered, data: Path | None) -> Source:
    """What a task reads."""
    return Source.read_all(paths(found, data))
