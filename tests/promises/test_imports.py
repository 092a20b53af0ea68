"""Promises about what an import pulls in, each checked in a process of its own."""

from __future__ import annotations

import subprocess
import sys

import pytest


def loaded_after(statement: str) -> set[str]:
    """Top-level modules in `sys.modules` after a statement, warnings being errors."""
    code = f"{statement}\nimport sys\nprint(*{{name.split('.')[0] for name in sys.modules}})"
    run = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return set(run.stdout.split())


@pytest.mark.parametrize(
    ("statement", "absent"),
    [
        ("import counterfoil.attribution", {"torch", "transformers", "sentence_transformers"}),
        ("import counterfoil.decoding.methods", {"torch", "transformers", "vllm"}),
        ("import counterfoil.decoding.by_name", {"torch", "transformers", "vllm"}),
        ("import counterfoil.decoding", {"vllm", "sentence_transformers"}),
        ("import counterfoil.decoding.vllm.contrast_params", {"torch", "transformers", "vllm"}),
        ("import counterfoil.decoding.vllm", {"torch", "vllm"}),
        ("import counterfoil.cli", {"torch", "transformers", "sentence_transformers"}),
        ("import counterfoil.models", {"torch", "transformers", "sentence_transformers"}),
    ],
)
def test_an_import_stays_light(statement: str, absent: set[str]) -> None:
    assert not loaded_after(statement) & absent


def test_this_check_can_fail() -> None:
    assert "torch" in loaded_after("from counterfoil.decoding import CutContext")


def test_importing_decoding_warns_of_nothing() -> None:
    loaded_after("import counterfoil.decoding")


def test_decoding_text_needs_no_pillow() -> None:
    without = (
        "import sys\n"
        "class Missing:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] == 'PIL': raise ModuleNotFoundError(name)\n"
        "sys.meta_path.insert(0, Missing())\n"
        "from counterfoil.decoding import CADLogitsProcessor, RITUALLogitsProcessor, batched_views\n"
        "from counterfoil.decoding.images.image_requests import open_image\n"
        "try: open_image('a.png')\n"
        "except ImportError as error: assert 'counterfoil[vision]' in str(error)\n"
        "else: raise AssertionError('Pillow was found')"
    )
    assert "PIL" not in loaded_after(without)
