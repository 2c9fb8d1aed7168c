"""Rules about the source that no linter knows: one test per rule, which names every place that breaks it."""

import ast
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2] / "src" / "meshcil"
FORBIDDEN_NAMES = {"utils", "helpers", "misc", "common", "lib", "tmp"}


@cache
def modules() -> dict[str, tuple[str, ast.Module]]:
    """Path below the package -> text and tree; each file is read and parsed once."""
    texts = {path.relative_to(SOURCE).as_posix(): path.read_text() for path in sorted(SOURCE.rglob("*.py"))}
    return {name: (text, ast.parse(text)) for name, text in texts.items()}


def nodes(*kinds: type[ast.AST]) -> Iterator[tuple[str, ast.AST]]:
    """Every node of these kinds, with the path of its module and its line."""
    for name, (_, tree) in modules().items():
        for node in ast.walk(tree):
            if isinstance(node, kinds):
                yield f"{name}:{node.lineno}", node


def test_package_files_hold_a_docstring_and_lazy_exports_only() -> None:
    """The code digest leaves them out, so they must not hold code that matters."""
    wrong = []
    for name, (_, tree) in modules().items():
        if name.rpartition("/")[2] == "__init__.py":
            texts = [ast.unparse(node) for node in tree.body]
            wrong += [] if ast.get_docstring(tree) else [f"{name}: no docstring"]
            # The command's entry point must tell what is missing where no package is installed at all.
            entry = name.endswith("cli/__init__.py")
            wrong += [f"{name}: {t}" for t in texts[1:] if not is_lazy_export(t) and not (entry and "def main(" in t)]
    assert not wrong


def test_lazy_exports_are_where_they_are_said_to_be() -> None:
    found = [name for name, (text, _) in modules().items() if "lazy_loader.attach" in text]
    packages = [name.removesuffix("/__init__.py") for name in found if name.endswith("/__init__.py")]
    assert packages
    for package in (import_module(f"meshcil.{name.replace('/', '.')}") for name in packages):
        assert [name for name in package.__all__ if not hasattr(package, name)] == []


def is_lazy_export(text: str) -> bool:
    """Whether a statement of a package file only says what is to be found where."""
    return text == "import lazy_loader" or "lazy_loader.attach" in text or text.startswith("__version__ =")


def test_imports_name_the_defining_module() -> None:
    """Importing from a package would hide the module from the import closure."""
    wrong = []
    for place, node in nodes(ast.ImportFrom):
        target = SOURCE.parent.joinpath(*(node.module or "").split("."))
        if (node.module or "").startswith("meshcil") and target.is_dir():
            names = [alias.name for alias in node.names]
            missing = [n for n in names if not (target / f"{n}.py").is_file() and not (target / n).is_dir()]
            wrong += [f"{place}: import {n} from the module that defines it, not from {node.module}" for n in missing]
    assert not wrong


def test_files_and_functions_are_short() -> None:
    lengths = {name: len(text.splitlines()) for name, (text, _) in modules().items()}
    wrong = [f"{name}: {length} lines, more than 400" for name, length in lengths.items() if length > 400]
    for place, node in nodes(ast.FunctionDef, ast.AsyncFunctionDef):
        body = node.body[1:] if ast.get_docstring(node) else node.body
        length = body[-1].end_lineno - body[0].lineno + 1 if body else 0
        wrong += [f"{place}: {node.name} has {length} lines, more than 45"] if length > 45 else []
    assert not wrong


def test_modules_are_named_after_what_they_hold() -> None:
    assert not [name for name in modules() if FORBIDDEN_NAMES & set(name.removesuffix(".py").split("/"))]


def test_nothing_unpickles() -> None:
    wrong = []
    for place, node in nodes(ast.Call):
        called = ast.unparse(node.func)
        safe = any(k.arg == "weights_only" and ast.unparse(k.value) == "True" for k in node.keywords)
        if called in ("pickle.load", "pickle.loads", "yaml.load", "yaml.unsafe_load"):
            wrong.append(f"{place}: {called}")
        if called == "torch.load" and not safe:
            wrong.append(f"{place}: torch.load needs weights_only=True")
    assert not wrong
