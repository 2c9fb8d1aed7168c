"""Digest of the code a stage runs: the import closure, without comments and docstrings.

Snakemake sees the text of a shell command but never the package behind it, so each rule carries this digest
as a parameter: changing a loss reruns its dependants, a docstring reruns nothing. Package ``__init__`` files
hold only docstrings and lazy re-exports (checked by a test) and are left out, so that a new module does not
touch the digest of the others.
"""

import ast
import functools
import hashlib
from collections.abc import Iterable
from pathlib import Path

import grimp

PACKAGE = "meshcil"


@functools.cache
def _graph() -> grimp.ImportGraph:
    return grimp.build_graph(PACKAGE, cache_dir=None)


@functools.cache
def _source_root() -> Path:
    import importlib.util

    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(PACKAGE)
    return Path(spec.origin).parent.parent


def repository_root() -> Path:
    """Folder of the checkout the package is run from (the parent of `src`)."""
    return _source_root().parent.resolve()


def source_file(module: str) -> Path:
    """File of a module of the package."""
    base = _source_root().joinpath(*module.split("."))
    return base / "__init__.py" if base.is_dir() else base.with_suffix(".py")


def import_closure(modules: Iterable[str]) -> list[str]:
    """All modules of the package that ``modules`` import, directly or not, and themselves; sorted."""
    graph = _graph()
    closure: set[str] = set()
    for module in modules:
        closure |= {module} | graph.find_upstream_modules(module)
    return sorted(m for m in closure if source_file(m).name != "__init__.py")


def normalised_source(text: str) -> str:
    """Syntax tree of ``text`` as text, without comments, docstrings and layout."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            _drop_docstring(node)
    return ast.dump(tree)


def _drop_docstring(node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> None:
    if ast.get_docstring(node, clean=False) is not None:
        node.body = node.body[1:] or [ast.Pass()]


@functools.cache
def _module_digest(module: str) -> str:
    text = source_file(module).read_text(encoding="utf-8")
    return hashlib.sha256(normalised_source(text).encode()).hexdigest()


def module_digests(*modules: str) -> dict[str, str]:
    """Module -> digest (16 hex digits) over the import closure of ``modules``."""
    return {module: _module_digest(module)[:16] for module in import_closure(modules)}


def code_digest(*modules: str) -> str:
    """Digest (16 hex digits) of the import closure of ``modules``."""
    lines = [f"{module} {_module_digest(module)}" for module in import_closure(modules)]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]
