"""Write what is derived from the methods' declarations: tables and navigation of the documentation, stubs for editors.

    python -m tools.derive            # write
    python -m tools.derive --check    # say what is out of date, and leave with 1

A page has a derived part between two marks, `<!-- derived: KIND NAME -->` and `<!-- end -->`, `# derived: KIND` and
`# end` in YAML. A stub is derived as a
whole: at run time the logits processors of one kind share one `__init__`, which type checkers and editors cannot look
into, so the stub has the signature of each.
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import fill
from types import ModuleType
from typing import Any

import counterfoil.decoding
from counterfoil.decoding.by_name import processor_class
from counterfoil.decoding.methods import METHODS, Method
from counterfoil.decoding.methods.parameters import Parameter
from counterfoil.decoding.processors import images, text
from counterfoil.decoding.vllm.contrast_params import CUT_CONTEXT, METHOD, PREFIX, SEED, served_methods

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
MARK = re.compile(r"<!-- derived: (\w+)(?: (\w+))? -->\n(.*?)<!-- end -->", re.DOTALL)
NAVIGATION = re.compile(r"( *)# derived: navigation\n.*?# end\n", re.DOTALL)
HEADER = """# Written by tools/derive.py. Change the source and run `python -m tools.derive`.
# pyright: reportIncompatibleMethodOverride=false, reportIncompatibleVariableOverride=false
"""


def derived_files() -> dict[Path, str]:
    """Return every derived file with what it has to hold."""
    pages = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
    found = {page: MARK.sub(_part, page.read_text()) for page in pages}
    site = ROOT / "mkdocs.yml"
    found[site] = NAVIGATION.sub(navigation, site.read_text())
    for module in (text, images):
        found[Path(str(module.__file__)).with_suffix(".pyi")] = stub(module)
    found[ROOT / "decoding" / "__init__.pyi"] = package_stub()
    return {path.resolve(): content for path, content in found.items()}


def main(arguments: list[str]) -> int:
    """Write what is out of date, or say it under `--check`; return the exit code."""
    old = [path for path, content in derived_files().items() if not path.is_file() or path.read_text() != content]
    if "--check" in arguments:
        for path in old:
            print(f"{path.relative_to(ROOT)} is out of date: run `python -m tools.derive`")
        return 1 if old else 0
    for path, content in derived_files().items():
        path.write_text(content)
    return 0


# Pages.


def parameter_table(method: type[Method]) -> str:
    """Return the parameters of a method as a Markdown table."""
    rows = [
        f"| `{p.name}` | {p.letter} | {_default(p)} | {p.described_range} | {p.help} |" for p in method.parameters()
    ]
    return "\n".join(["| parameter | in the paper | default | range | |", "|---|---|---|---|---|", *rows])


def signatures(method: type[Method]) -> str:
    """Return how the logits processor of a method is made."""
    kind = processor_class(method())
    calls = [_call(kind.__name__, inspect.signature(kind))]
    if hasattr(kind, "from_images"):
        calls.insert(0, _call(f"{kind.__name__}.from_images", inspect.signature(kind.from_images)))
    return "\n".join(["```python", *calls, "```"])


def methods_table(_: object = None) -> str:
    """Return all methods as a Markdown table."""
    rows = [f"| [{m.title}]({m.name}.md) | `{m.name}` | {m.summary} | {m.compares} | {m.paper} |" for m in METHODS.own]
    return "\n".join(["| page | name | in one line | what is compared | paper |", "|---|---|---|---|---|", *rows])


def processors_table(_: object = None) -> str:
    """Return all methods with their logits processors as a Markdown table."""
    rows = [
        f"| [{method.title}](docs/methods/{method.name}.md) | {method.compares} | `{method.processor.split(':')[1]}` |"
        for method in METHODS.own
    ]
    return "\n".join(["| method | what is compared | use |", "|---|---|---|", *rows])


def navigation(match: re.Match[str]) -> str:
    """Return the entries of the methods' pages in the navigation of the site."""
    indent = match.group(1)
    entries = "".join(f"{indent}- {method.title}: methods/{method.name}.md\n" for method in METHODS.own)
    return f"{indent}# derived: navigation\n{entries}{indent}# end\n"


def served_table(_: object = None) -> str:
    """Return the `cf_` keys of all served methods as a Markdown table."""
    own = {name: method for name, method in served_methods().items() if method in METHODS.own}
    having: dict[str, list[tuple[str, Parameter]]] = {}
    for name, method in own.items():
        for parameter in method.parameters():
            if parameter.is_served:
                having.setdefault(parameter.name, []).append((name, parameter))
    names = ", ".join(f"`{name}`" for name in own)
    rows = [f"| `{METHOD}` | | {names} | the method |"]
    for name, found in having.items():
        parameter = found[0][1]
        methods = ", ".join(f"`{method}` {_served_default(p)}" for method, p in found)
        choices = parameter.served_choices
        # A key that is left out is none: `vllm_xargs` has no null.
        described = parameter.described_range.removesuffix(", or none")
        values = ", ".join(f"`{choice}`" for choice in choices) if choices else described
        if PREFIX + name == CUT_CONTEXT:
            values = "at least 2"  # an engine's prompt has two tokens, and a key that is left out is none
        rows.append(f"| `{PREFIX}{name}` | {methods} | {values} | {parameter.help} |")
    drawing = ", ".join(f"`{name}` 0" for name, method in own.items() if method.contrast == "image")
    rows.append(f"| `{SEED}` | {drawing} | at least 0 | the i-th image of the contrast is drawn with the seed plus i |")
    return "\n".join(["| key | methods, with their defaults | range | |", "|---|---|---|---|", *rows])


PARTS: dict[str, Callable[[Any], str]] = {
    "parameters": parameter_table,
    "signature": signatures,
    "methods": methods_table,
    "processors": processors_table,
    "served": served_table,
}


def _part(match: re.Match[str]) -> str:
    kind, name, _ = match.groups()
    made = PARTS[kind](METHODS[name] if name else None)
    return f"<!-- derived: {kind}{f' {name}' if name else ''} -->\n{made}\n<!-- end -->"


def _served_default(parameter: Parameter) -> str:
    """Return a default as a request says it: several numbers are a list there."""
    return f"`{list(parameter.default)}`" if parameter.kind is tuple else _default(parameter)


def _default(parameter: Parameter) -> str:
    value = parameter.default
    if isinstance(value, str) and len(value) > 40:
        return "the paper's"
    if value is None or isinstance(value, bool):
        return {None: "none", True: "true", False: "false"}[value]
    return f"{value:g}" if parameter.is_number else f"`{value}`"


def _call(name: str, signature: inspect.Signature) -> str:
    arguments: list[str] = []
    for parameter in signature.parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY and "*" not in arguments:
            arguments.append("*")
        default = parameter.default
        long = isinstance(default, str) and len(default) > 40
        shown = "" if default is parameter.empty else f"={'...' if long else repr(default)}"
        arguments.append(parameter.name + shown)
    return fill(f"{name}({', '.join(arguments)})", 120, subsequent_indent=" " * (len(name) + 1), break_long_words=False)


# Stubs.


def stub(module: ModuleType) -> str:
    """Return the stub of a module of logits processors: the classes with their arguments written out."""
    tree = ast.parse(inspect.getsource(module))
    checked = [child for node in tree.body if isinstance(node, ast.If) for child in node.body]  # for type checkers
    imports = [node for node in (*tree.body, *checked) if isinstance(node, (ast.Import, ast.ImportFrom))]
    classes = [getattr(module, node.name) for node in tree.body if isinstance(node, ast.ClassDef)]
    aliases = [node for node in tree.body if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "View"]
    lines = [HEADER, *map(ast.unparse, imports), *_types(classes, imports)]
    lines += [ast.unparse(node) for node in aliases]
    for kind, node in zip(classes, (n for n in tree.body if isinstance(n, ast.ClassDef)), strict=True):
        lines += ["", f"class {kind.__name__}({', '.join(ast.unparse(base) for base in node.bases)}):"]
        lines += [f"    {line}" for line in _members(kind, node)]
    return "\n".join(lines) + "\n"


def package_stub() -> str:
    """Return the stub of the package: its public names, which it loads when they are first used."""
    modules = counterfoil.decoding._modules()
    lines = [f"from .{module} import {name} as {name}" for name, module in sorted(modules.items())]
    return "\n".join([HEADER, *lines, "", f"__all__ = {sorted(modules)}"]) + "\n"


def _members(kind: Any, node: ast.ClassDef) -> Iterator[str]:  # noqa: ANN401  (a class)
    has_method = "method_class" in vars(kind)
    for child in node.body:
        if isinstance(child, ast.Assign):
            yield f"{ast.unparse(child.targets[0])} = {ast.unparse(child.value)}"
        elif isinstance(child, ast.AnnAssign):
            yield ast.unparse(child)
        elif isinstance(child, ast.FunctionDef) and not (has_method and child.name == "__init__"):
            yield from (f"@{ast.unparse(decorator)}" for decorator in child.decorator_list)
            returns = f" -> {ast.unparse(child.returns)}" if child.returns else ""
            yield f"def {child.name}({ast.unparse(child.args)}){returns}: ..."
    if not has_method:
        return
    yield f"def __init__(self, {_written(inspect.signature(kind))}) -> None: ..."
    if hasattr(kind, "from_images"):
        yield "@classmethod"
        yield f"def from_images(cls, {_written(inspect.signature(kind.from_images))}) -> Self: ..."


def _written(signature: inspect.Signature) -> str:
    arguments: list[str] = []
    for parameter in signature.parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY and "*" not in arguments:
            arguments.append("*")
        default = parameter.default
        shown = "" if default is parameter.empty else " = ..." if isinstance(default, str) else f" = {default!r}"
        arguments.append(f"{parameter.name}: {parameter.annotation}{shown}")
    return ", ".join(arguments)


def _types(classes: list[Any], imports: list[ast.Import | ast.ImportFrom]) -> list[str]:
    """Return imports of the types that only the methods' annotations name."""
    known = {alias.asname or alias.name for node in imports for alias in node.names}
    found = set()
    for kind in classes:
        for parameter in kind.method_class.parameters() if "method_class" in vars(kind) else ():
            for name in re.findall(r"[A-Za-z_]\w*", str(parameter.annotation)):
                module = sys.modules[kind.method_class.__module__]
                if name not in known and hasattr(module, name):
                    home = getattr(getattr(module, name), "__module__", None)
                    own = name not in ("Any", "Callable", "Sequence")
                    found.add(f"from {module.__name__ if own else home} import {name}")
    return sorted(found)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
