"""Every name that this package takes from vLLM is where it is looked for, in the source of the vLLM that comes first.

Read, not imported: of a version without a build for this machine the server's modules cannot be loaded.
"""

from __future__ import annotations

import ast
import importlib.util
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

pytest.importorskip("vllm", reason="vLLM is not installed")

import counterfoil.decoding.vllm as package

VLLM = Path((importlib.util.find_spec("vllm") or pytest.fail("vLLM is gone")).origin or "").parent
OWN = Path(package.__file__).parent

SERVED = {
    "entrypoints/openai/chat_completion/serving.py": {"OpenAIServingChat.render_chat_request": ("request",)},
    "entrypoints/openai/completion/serving.py": {"OpenAIServingCompletion.render_completion_request": ("request",)},
    "model_executor/models/interfaces.py": {"SupportsEagle3.set_aux_hidden_state_layers": ("layers",)},
    "renderers/online_renderer.py": {
        "OnlineRenderer.render_chat": ("request", "skip_mm_cache"),
        "OnlineRenderer.render_completion": ("request", "skip_mm_cache"),
    },
    "v1/core/kv_cache_manager.py": {"KVCacheManager.create_kv_cache_blocks": ("blocks",)},
    "v1/core/kv_cache_coordinator.py": {
        "KVCacheCoordinator.find_longest_cache_hit": ("block_hashes", "max_cache_hit_length")
    },
    "v1/sample/logits_processor/builtin.py": {"process_dict_updates": ("req_entries", "batch_update", "new_state")},
    "v1/sample/logits_processor/interface.py": {
        "LogitsProcessor.__init__": ("vllm_config", "device", "is_pin_memory"),
        "LogitsProcessor.apply": ("logits",),
        "LogitsProcessor.update_state": ("batch_update",),
    },
    "v1/worker/gpu/sample/logits_processor/interface.py": {
        "LogitsProcessor.__init__": ("vllm_config", "req_states"),
        "LogitsProcessor.add_request": ("req_idx", "sampling_params"),
        "LogitsProcessor.apply": ("logits", "ctx"),
    },
    "v1/sample/sampler.py": {"Sampler.sample": ("logits", "sampling_metadata", "...")},
    "v1/worker/gpu/sample/sampler.py": {
        "Sampler.sample": ("logits", "expanded_idx_mapping", "idx_mapping", "idx_mapping_np", "...")
    },
}
"""Functions that are called, replaced or overridden, with their parameters; `...` for any others."""


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements that run when a module is imported, those in a condition included."""
    for statement in body:
        yield statement
        for part in ("body", "orelse", "finalbody"):
            if isinstance(statement, (ast.If, ast.Try)):
                yield from statements(getattr(statement, part, []))


def names(module: ast.Module) -> set[str]:
    """What a module defines or imports; of vLLM's lazy package also what its table of names has."""
    found: set[str] = set()
    for statement in statements(module.body):
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            found.add(statement.name)
        elif isinstance(statement, (ast.Import, ast.ImportFrom)):
            found |= {(alias.asname or alias.name).split(".")[0] for alias in statement.names}
        elif isinstance(statement, (ast.Assign, ast.AnnAssign)):
            found |= {node.id for node in ast.walk(statement) if isinstance(node, ast.Name)}
            found |= {node.value for node in ast.walk(statement) if isinstance(node, ast.Constant) and node.value}
    return found


def taken() -> Iterator[tuple[str, str, str]]:
    """Which file of ours takes which name from which module of vLLM."""
    for path in sorted(OWN.rglob("*.py")):
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "vllm":
                for alias in node.names:
                    yield str(path.relative_to(OWN)), node.module or "", alias.name


def test_what_is_imported_is_there() -> None:
    missing = []
    for file, module, name in taken():
        folder = VLLM.joinpath(*module.split(".")[1:])
        source = folder / "__init__.py" if folder.is_dir() else folder.with_suffix(".py")
        is_module = (folder / name).is_dir() or (folder / f"{name}.py").is_file()
        if not is_module and (not source.is_file() or name not in names(tree(source))):
            missing.append(f"{file}: from {module} import {name}")
    assert not missing
    assert len(list(taken())) > 30


@pytest.mark.parametrize(
    ("file", "function", "parameters"), [(f, n, p) for f, t in SERVED.items() for n, p in t.items()]
)
def test_what_is_called_or_replaced_takes_the_same(file: str, function: str, parameters: tuple[str, ...]) -> None:
    scope: ast.AST = tree(VLLM / file)
    for name in function.split("."):
        scope = next(node for node in scope.body if getattr(node, "name", None) == name)  # type: ignore[attr-defined]
    has = [argument.arg for argument in scope.args.posonlyargs + scope.args.args + scope.args.kwonlyargs]  # type: ignore[attr-defined]
    has = has[1:] if "." in function else has
    if parameters[-1] == "...":
        assert tuple(has[: len(parameters) - 1]) == parameters[:-1]
    else:
        assert tuple(has) == parameters
