"""The registry: every file is a task, light to read, with its data where it says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from counterfoil.decoding.by_name import decodings
from counterfoil.eval import registry
from counterfoil.eval.task import Task


@pytest.mark.parametrize("name", registry.names())
def test_a_task_has_the_name_of_its_file_and_can_do_its_own_methods(name: str) -> None:
    task = registry.task(name)
    assert task.name == name
    assert task.version >= 1
    assert task.summary[0].islower()
    if isinstance(task, Task):
        assert [task.refuses(decoding) for decoding in decodings(task.methods, {})] == [None] * (
            task.methods.count(",") + 1
        )


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
    source = registry.source(bbq, tmp_path)
    assert (source.name, source.text.split()) == ("a.jsonl, b.jsonl", ["a", "b"])
    alone = tmp_path / "bbq" / "a.jsonl"
    assert registry.paths(bbq, alone) == [alone]
    with pytest.raises(ValueError, match=r"there is no bbq/\*\.jsonl in"):
        registry.paths(bbq, tmp_path / "bbq")
    with pytest.raises(ValueError, match=r"--data has to name the folder that holds bbq/\*\.jsonl"):
        registry.paths(bbq, None)


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
    with pytest.raises(ValueError, match=r"a task has to be one of alce, .*, but is 'riddles'"):
        registry.task("riddles")
