"""The wheel is built without a warning, and holds what an installation needs."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("attribution", "cli", "decoding", "eval", "grounding", "models")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, zipfile.ZipFile]:
    """What pip said, and the wheel; built from a copy, for a build leaves things behind."""
    source = tmp_path_factory.mktemp("source")
    for room in ROOMS:
        shutil.copytree(ROOT / room, source / room, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    command = [sys.executable, "-m", "pip", "wheel", "--verbose", "--no-deps", "--no-build-isolation"]
    run = subprocess.run(
        [*command, "--wheel-dir", str(source), str(source)], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr
    (wheel,) = source.glob("*.whl")
    return run.stdout + run.stderr, zipfile.ZipFile(wheel)


def test_setuptools_has_nothing_to_complain_of(built: tuple[str, zipfile.ZipFile]) -> None:
    assert "is absent from the `packages` configuration" not in built[0]
    assert "SetuptoolsDeprecationWarning" not in built[0]


@pytest.mark.parametrize(
    "name",
    [
        "attribution/report/web/page.css",
        "grounding/app/web/ask.js",
        "grounding/app/web/app.css",
        "attribution/entailment/local/adapter.safetensors",
        "models/scenes/model.safetensors",
        "models/scenes/chat_template.jinja",
        "decoding/py.typed",
        "cli/app.py",
    ],
)
def test_it_holds_weights_pages_and_types(built: tuple[str, zipfile.ZipFile], name: str) -> None:
    assert f"counterfoil/{name}" in built[1].namelist()


def test_what_only_training_and_tests_need_is_left_out(built: tuple[str, zipfile.ZipFile]) -> None:
    rooms = {name.split("/")[1] for name in built[1].namelist() if name.startswith("counterfoil/")}
    assert rooms == set(ROOMS)


def test_the_metadata_names_authors_and_extras(built: tuple[str, zipfile.ZipFile]) -> None:
    (path,) = (name for name in built[1].namelist() if name.endswith("METADATA"))
    metadata = message_from_bytes(built[1].read(path))
    assert metadata["Author"]
    assert {"documents", "offline", "vision", "vllm", "lm-eval"} <= set(metadata.get_all("Provides-Extra") or ())
    lm_eval = [line for line in metadata.get_all("Requires-Dist") or () if 'extra == "lm-eval"' in line]
    assert any(line.startswith("accelerate") for line in lm_eval), "lm-eval imports it, and does not bring it"
