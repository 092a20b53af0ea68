"""The tasks by name: those of this package, those of installed packages, and files of one's own."""

from __future__ import annotations

import pkgutil
import sys
from importlib.resources import files
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

from counterfoil.attribution.registry import Registry

from . import tasks
from .task import Task

PACKAGED = "package:"
GROUP = "counterfoil.tasks"
"""Entry point group by which an installed package adds tasks: `moved = "my_package.moved:TASK"`."""

_BUILTIN = {found.name: f"{tasks.__name__}.{found.name}:TASK" for found in pkgutil.iter_modules(tasks.__path__)}
_TASKS = Registry(GROUP, dict(sorted(_BUILTIN.items())))


def names() -> list[str]:
    """Return the names of all tasks, those of this package first, in alphabetical order."""
    return list(_TASKS.names)


def task(name: str) -> Task:
    """Return a task.

    Args:
        name: Its name, or the path of a Python file with a task in it.

    Raises:
        ValueError: There is no such task or file, the file holds none or several, or what is registered is no task.
    """
    if name.endswith(".py"):
        return _in_file(Path(name))
    if name not in _TASKS.names:
        raise ValueError(f"a task has to be one of {', '.join(names())}, or a Python file, but is {name!r}")
    return _checked(_TASKS.load(name), name)


def paths(found: Task, data: Path | None) -> list[Path]:
    """Return the files of a task, in the order of their names.

    Args:
        found: The task; one that draws its own data has no files unless `data` names one.
        data: The folder of the data sets, or the one file that the task reads.

    Raises:
        ValueError: There is no such file, the message says where it was looked for; or there are several and the task
            reads one.
    """
    if data is not None and not data.is_dir() and not data.exists():
        raise ValueError(f"cannot read {found.name}: there is no {str(data)!r}. Check --data")
    if data is not None and not data.is_dir():
        return [data]
    if not found.data:
        return []
    if found.data.startswith(PACKAGED):
        return [Path(str(files(tasks.__name__).joinpath(found.data.removeprefix(PACKAGED))))]
    if data is None:
        raise ValueError(f"--data has to name the folder that holds {found.data}, or that file, for {found.name}")
    matching = sorted(path for path in data.glob(found.data) if path.is_file())
    if not matching:
        raise ValueError(f"cannot read {found.name}: there is no {found.data} in {str(data)!r}. Check --data")
    if len(matching) > 1 and found.one_file:
        several = ", ".join(path.name for path in matching)
        raise ValueError(f"--data has to name one file for {found.name}, but {str(data)!r} has several: {several}")
    return matching


def _in_file(path: Path) -> Task:
    name = f"counterfoil_task_{path.stem}"
    spec = spec_from_file_location(name, path) if path.is_file() else None
    if spec is None or spec.loader is None:
        raise ValueError(f"a task has to be a name or a Python file, but there is no file {str(path)!r}")
    module = module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up while they are made
    sys.path.insert(0, str(path.resolve().parent))  # as for a script: what stands beside the file can be imported
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.pop(0)
    if hasattr(module, "TASK"):
        return _checked(module.TASK, str(path))
    found = [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Task) and value.__module__ == name
    ]
    if len(found) != 1:
        raise ValueError(
            f"{path} has to hold a `TASK`, or one subclass of Task, but holds "
            f"{', '.join(kind.__name__ for kind in found) or 'neither'}"
        )
    return _checked(found[0], str(path))


def _checked(value: Any, name: str) -> Task:  # noqa: ANN401 (whatever is registered)
    made = value() if isinstance(value, type) and issubclass(value, Task) else value
    if not isinstance(made, Task):
        raise ValueError(f"`TASK` of {name} has to be a counterfoil.eval.task.Task, but is {made!r}")
    return made
