"""MkDocs hook: the page `reference.md`, made from the signatures and docstrings of the package's public names."""

import ast
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

_ROOT = Path(__file__).resolve().parents[1]
_PACKAGE = _ROOT / "src/meshcil"
_INTRODUCTION = """# API reference

Every public name can be imported from its package, for instance `from meshcil.rendering import rasterize`. Poses are
(azimuth, elevation, theta) in radians; frames and units are those of [conventions](conventions.md).
"""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the page to the site."""
    files.append(File.generated(config, "reference.md", content=reference()))
    return files


def reference() -> str:
    """Text of the page: one section per package that exports names."""
    found = [
        (folder, _exports(folder / "__init__.py")) for folder in sorted(p for p in _PACKAGE.iterdir() if p.is_dir())
    ]
    return "\n".join([_INTRODUCTION, *(_section(folder, names) for folder, names in found if names)])


def _exports(path: Path) -> dict[str, list[str]]:
    """Module -> names, of a lazy package."""
    if not path.is_file():
        return {}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.keyword) and node.arg == "submod_attrs":
            return ast.literal_eval(node.value)
    return {}


def _section(folder: Path, exports: dict[str, list[str]]) -> str:
    package = f"meshcil.{folder.name}"
    parts = [f"## {package}\n"]
    for module, names in exports.items():
        source = (folder / f"{module}.py").read_text(encoding="utf-8")
        nodes: dict[str, Any] = {node.name: node for node in ast.parse(source).body if hasattr(node, "name")}
        parts += [_entry(package, nodes[name], source) for name in names if name in nodes]
    return "\n".join(parts)


def _entry(package: str, node: Any, source: str) -> str:
    text = ast.get_docstring(node) or ""
    if isinstance(node, ast.ClassDef):
        # Fields as they stand, with their comments.
        first = next((part for part in node.body if isinstance(part, ast.FunctionDef)), None)
        end = node.end_lineno if first is None else min(d.lineno for d in [*first.decorator_list, first]) - 1
        fields = source.splitlines()[node.body[0].end_lineno : end]
        head = "\n".join([f"class {node.name}:", *fields]).rstrip(": \n")
    else:
        result = f" -> {ast.unparse(node.returns)}" if node.returns else ""
        head = f"{node.name}({ast.unparse(node.args)}){result}".replace("'", '"')
    return f"### {package}.{node.name}\n\n```python\n{head}\n```\n\n```text\n{text}\n```\n"
