"""Digest of the code a stage runs: the import closure, without comments and docstrings.

Snakemake sees the text of a shell command but never the package behind it, so each rule carries this digest
as a parameter: changing a loss reruns its dependants, a docstring reruns nothing. Package ``__init__`` files
hold only docstrings, the version and lazy re-exports (checked by a test), which are left out so that a new module does
not touch the digest of the others; whatever else stands there counts.
"""

import ast
import functools
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from grimp import ImportGraph


PACKAGE = "meshcil"


@functools.cache
def _graph() -> "ImportGraph":
    import grimp

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
    """All modules of the package that ``modules`` import, directly or not, and themselves; sorted.

    A package is among them only if its ``__init__`` does more than name what lies in it.
    """
    graph = _graph()
    closure: set[str] = set()
    for module in modules:
        closure |= {module} | graph.find_upstream_modules(module)
    closure |= {parent for module in closure for parent in _packages(module)}
    return sorted(m for m in closure if source_file(m).name != "__init__.py" or _acts(source_file(m)))


def _packages(module: str) -> Iterator[str]:
    while "." in module:
        module = module.rpartition(".")[0]
        yield module


@functools.cache
def _acts(package: Path) -> bool:
    body = _without_docstrings(package.read_bytes()).body
    return any(not _names_only(statement) for statement in body)


def _names_only(statement: ast.stmt) -> bool:
    """Whether a statement of an ``__init__`` can do nothing but import `lazy_loader` and list names."""
    match statement:
        case ast.Pass() | ast.Import(names=[ast.alias(name="lazy_loader", asname=None)]):
            return True
        case ast.Assign(targets=[ast.Name(id="__version__")], value=ast.Constant(value=str())):
            return True
        case ast.Assign(
            targets=[ast.Tuple() as names], value=ast.Call(func=function, args=arguments, keywords=keywords)
        ):
            called = (ast.unparse(names), ast.unparse(function), [ast.unparse(argument) for argument in arguments])
            lazy = called == ("(__getattr__, __dir__, __all__)", "lazy_loader.attach", ["__name__"])
            return lazy and all(_is_literal(keyword.value) for keyword in keywords)
    return False


def _is_literal(node: ast.expr) -> bool:
    try:
        ast.literal_eval(node)
    except ValueError:
        return False
    return True


def normalised_source(source: bytes) -> str:
    """Syntax tree of ``source`` as text, without comments, docstrings and layout.

    From bytes, as Python reads them: a declared encoding decides what is code.
    """
    return ast.dump(_without_docstrings(source))


def _without_docstrings(source: bytes) -> ast.Module:
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            _drop_docstring(node)
    return tree


def _drop_docstring(node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> None:
    if ast.get_docstring(node, clean=False) is not None:
        node.body = node.body[1:] or [ast.Pass()]


@functools.cache
def source_digest(source: bytes) -> str:
    """SHA-256 of `normalised_source`.

    Raises:
        SyntaxError, ValueError: when ``source`` is not Python.
    """
    return hashlib.sha256(normalised_source(source).encode()).hexdigest()


@functools.cache
def _module_digest(module: str) -> str:
    return source_digest(source_file(module).read_bytes())


def module_digests(*modules: str) -> dict[str, str]:
    """Module -> digest (16 hex digits) over the import closure of ``modules``."""
    return {module: _module_digest(module)[:16] for module in import_closure(modules)}


def raw_digest(files: Mapping[str, bytes]) -> str:
    """Digest (16 hex digits) of the bytes of modules' files, by module."""
    lines = [f"{module} {hashlib.sha256(content).hexdigest()}" for module, content in sorted(files.items())]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def code_digest(*modules: str) -> str:
    """Digest (16 hex digits) of the import closure of ``modules``."""
    lines = [f"{module} {_module_digest(module)}" for module in import_closure(modules)]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]
