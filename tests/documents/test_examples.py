"""The notebooks in examples: their cells run, and they keep no output and no path of a machine."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "examples").glob("*.ipynb"))
LONG = {"train"}
"""Only compiled; what they call has tests of its own."""


def code_of(notebook: Path) -> list[str]:
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    kept = [cell for cell in cells if cell.get("outputs") or cell.get("execution_count")]
    assert not kept, "clear the output before a commit"
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_cells_of_a_notebook_run(notebook: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(notebook.parent)
    names: dict[str, object] = {}
    for number, text in enumerate(code_of(notebook)):
        compiled = compile(text, f"{notebook.name}, cell {number}", "exec")
        if notebook.stem not in LONG:
            exec(compiled, names)
    assert not re.search(r"/(home|root|work|tmp|Users)/", notebook.read_text(encoding="utf-8"))


def test_the_page_on_the_library_names_every_notebook_and_its_lines_run() -> None:
    page = (ROOT / "docs/library.md").read_text(encoding="utf-8")
    assert {path.stem for path in NOTEBOOKS} == set(re.findall(r"\.\./examples/([a-z-]+)\.ipynb", page))
    (lines,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    exec(lines, {})
