"""What counts as code: everything that Python would run, and nothing else."""

from pathlib import Path

import pytest

from meshcil.core import code_digest


def test_docstrings_comments_and_layout_do_not_count() -> None:
    plain = code_digest.normalised_source(b"def f(x):\n    return x + 1\n")
    told = code_digest.normalised_source(b'"""Module."""\n# Why.\ndef f(x):\n    """Doc."""\n\n    return (x + 1)\n')
    assert told == plain
    assert code_digest.normalised_source(b"def f(x):\n    return x + 2\n") != plain


def test_a_declared_encoding_decides_what_is_code() -> None:
    """In UTF-7, `+AAo-` is a line break: what looks like a comment runs."""
    hidden = b"# coding: utf-7\n# nothing +AAo-raise SystemExit\n"
    assert "SystemExit" in code_digest.normalised_source(hidden)


LAZY = """\"\"\"Doc.\"\"\"
import lazy_loader
__version__ = "1"
__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, submod_attrs={"a": ["b"]})
"""


@pytest.mark.parametrize(
    ("text", "acts"),
    [
        ("", False),
        (LAZY, False),
        (LAZY + "import os\n", True),
        (LAZY + "print()\n", True),
        (LAZY.replace('["b"]', "[print()]"), True),
        (LAZY.replace("lazy_loader.attach", "evil"), True),
        (LAZY.replace("__name__,", "__name__, evil(),"), True),
        ("__version__ = evil()\n", True),
    ],
)
def test_a_package_that_does_more_than_list_names_is_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, acts: bool
) -> None:
    """A job of any module of a package runs its `__init__` first."""
    package = tmp_path / "__init__.py"
    package.write_text(text)
    real = code_digest.source_file
    monkeypatch.setattr(code_digest, "source_file", lambda m: package if m == "meshcil.geometry" else real(m))
    closure = code_digest.import_closure(["meshcil.geometry.poses"])
    assert "meshcil.geometry.poses" in closure
    assert ("meshcil.geometry" in closure) is acts
