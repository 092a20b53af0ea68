"""The registry: every file is a task, light to read, with its data where it says; packages and files add to it."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest
from counterfoil.decoding.by_name import decodings
from counterfoil.eval import registry
from counterfoil.eval.task import options

OWN = """
from dataclasses import dataclass
from counterfoil.eval.task import Task
from helper import NAME

@dataclass(frozen=True)
class Mine(Task):
    name = NAME
    def read(self, dataset, models): return []
    def score(self, item, response): return {}
"""


@pytest.mark.parametrize("name", registry.names())
def test_a_task_has_the_name_of_its_file_and_can_do_its_own_methods(name: str) -> None:
    task = registry.task(name)
    assert task.name == name
    assert task.version >= 1
    assert task.summary
    if task.asks.engine == "language":
        found = decodings(task.methods, {})
        assert [task.refuses(decoding) for decoding in found] == [None] * len(found)


@pytest.mark.parametrize("name", registry.names())
def test_every_option_of_a_task_says_what_it_is(name: str) -> None:
    for option in options(registry.task(name)):
        assert option.help.endswith("."), option.name
        assert option.help[0].isupper(), option.name


def test_listing_tasks_loads_no_torch() -> None:
    code = "import sys; from counterfoil.eval import registry; [registry.task(name) for name in registry.names()]"
    run = subprocess.run(
        [sys.executable, "-c", f"{code}; print('torch' in sys.modules)"], capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "False"


def test_files_are_found_in_the_folder_or_named(tmp_path: Path) -> None:
    bbq = registry.task("bbq")
    (tmp_path / "bbq").mkdir()
    for name in ("b", "a"):
        (tmp_path / "bbq" / f"{name}.jsonl").write_text(f"{name}\n")
    assert [path.name for path in registry.paths(bbq, tmp_path)] == ["a.jsonl", "b.jsonl"]
    dataset = bbq.load(registry.paths(bbq, tmp_path), limit=None, seed=0)
    assert (dataset.name, dataset.text.split()) == ("a.jsonl, b.jsonl", ["a", "b"])
    alone = tmp_path / "bbq" / "a.jsonl"
    assert registry.paths(bbq, alone) == [alone]
    with pytest.raises(ValueError, match=r"there is no bbq/\*\.jsonl in"):
        registry.paths(bbq, tmp_path / "bbq")
    with pytest.raises(ValueError, match=r"--data has to name the folder that holds bbq/\*\.jsonl"):
        registry.paths(bbq, None)


@pytest.mark.parametrize("name", ["pope", "memotrap"])
def test_data_that_are_not_there_are_never_ignored(name: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=f"cannot read {name}: there is no "):
        registry.paths(registry.task(name), tmp_path / "x.json")


def test_of_several_files_none_is_taken_silently_by_a_task_that_reads_one(tmp_path: Path) -> None:
    alce = registry.task("alce")
    (tmp_path / "alce").mkdir()
    for name in ("b", "a"):
        (tmp_path / "alce" / f"{name}.json").write_text("{}")
    with pytest.raises(ValueError, match=r"--data has to name one file for alce, but .* has several: a\.json, b\.json"):
        registry.paths(alce, tmp_path)
    (tmp_path / "alce" / "b.json").unlink()
    assert [path.name for path in registry.paths(alce, tmp_path)] == ["a.json"]


def test_an_unknown_task_is_named_beside_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"a task has to be one of alce, .*, or a Python file, but is 'riddles'"):
        registry.task("riddles")


def test_a_file_of_one_s_own_holds_a_task(tmp_path: Path) -> None:
    file = tmp_path / "json.py"  # the name of a module that is loaded already
    file.write_text(OWN)
    (tmp_path / "helper.py").write_text("NAME = 'mine'")
    assert registry.task(str(file)).name == "mine"
    assert str(tmp_path) not in sys.path
    assert importlib.import_module("json").dumps
    file.write_text(OWN + "TASK = Mine()")
    assert registry.task(str(file)).name == "mine"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has to hold a `TASK`, or one subclass of Task, but holds neither"),
        ("TASK = 3", "`TASK` of .* has to be a counterfoil.eval.task.Task, but is 3"),
        (OWN + "class Other(Mine): pass", "but holds Mine, Other"),
    ],
)
def test_a_file_without_one_task_is_refused(text: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(text)
    (tmp_path / "helper.py").write_text("NAME = 'mine'")
    with pytest.raises(ValueError, match=message):
        registry.task(str(file))
    with pytest.raises(ValueError, match="there is no file"):
        registry.task(str(tmp_path / "missing.py"))


def test_an_installed_package_adds_a_task(tmp_path: Path) -> None:
    """By the entry point that its metadata declares, as an installed distribution has them."""
    (tmp_path / "riddles.py").write_text(OWN.replace("from helper import NAME", "NAME = 'riddles'") + "TASK = Mine()")
    metadata = tmp_path / "riddles-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: riddles\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[{registry.GROUP}]\nriddles = riddles:TASK\n")
    code = "from counterfoil.eval import registry; print(registry.names()[-1], registry.task('riddles').name)"
    run = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(tmp_path)!r}); {code}"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert run.stdout.split() == ["riddles", "riddles"]
