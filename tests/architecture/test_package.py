"""Rules about the source that no linter knows."""

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2] / "src" / "meshcil"
MODULES = sorted(SOURCE.rglob("*.py"))
FORBIDDEN_NAMES = {"utils", "helpers", "misc", "common", "lib", "tmp"}


def name_of(path: Path) -> str:
    return path.relative_to(SOURCE).as_posix()


@pytest.mark.parametrize("path", [p for p in MODULES if p.name == "__init__.py"], ids=name_of)
def test_package_files_hold_a_docstring_and_lazy_exports_only(path: Path) -> None:
    """The code digest leaves them out, so they must not hold code that matters."""
    tree = ast.parse(path.read_text())
    assert ast.get_docstring(tree)
    for node in tree.body[1:]:
        text = ast.unparse(node)
        assert text == "import lazy_loader" or "lazy_loader.attach" in text or text.startswith("__version__ ="), text


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_imports_name_the_defining_module(path: Path) -> None:
    """Importing from a package would hide the module from the import closure."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("meshcil"):
            target = SOURCE.parent.joinpath(*node.module.split("."))
            if target.is_dir():
                names = [alias.name for alias in node.names]
                missing = [n for n in names if not (target / f"{n}.py").is_file() and not (target / n).is_dir()]
                assert not missing, f"{node.module} is a package; import {missing} from the module that defines them"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_files_and_functions_are_short(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= 400
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            length = body[-1].end_lineno - body[0].lineno + 1 if body else 0
            assert length <= 60, f"{node.name} has {length} lines"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_modules_are_named_after_what_they_hold(path: Path) -> None:
    assert not FORBIDDEN_NAMES & set(path.relative_to(SOURCE).with_suffix("").parts)


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_nothing_unpickles(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            safe = any(k.arg == "weights_only" and ast.unparse(k.value) == "True" for k in node.keywords)
            assert called not in ("pickle.load", "pickle.loads", "yaml.load", "yaml.unsafe_load"), called
            assert called != "torch.load" or safe, "torch.load needs weights_only=True"
