"""The workflow is wiring: short rules without logic, each with what an operator needs."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILES = [ROOT / "Snakefile", *sorted((ROOT / "workflow" / "rules").glob("*.smk"))]
DIRECTIVES = ("log:", "benchmark:", "threads:", "resources:", "params:", "message:", "shell:")


def rules(path: Path) -> dict[str, list[str]]:
    """Name -> lines of each rule of a file."""
    found: dict[str, list[str]] = {}
    name = ""
    for line in path.read_text().splitlines():
        if line and not line.startswith(" "):
            match = re.fullmatch(r"rule (\w+):", line)
            name = match[1] if match else ""
        if name and line.strip():
            found.setdefault(name, []).append(line)
    return found


RULES = [(path, name, lines) for path in FILES for name, lines in rules(path).items()]
JOBS = [(path, name, lines) for path, name, lines in RULES if any("shell:" in line for line in lines)]


def test_every_stage_has_a_rule() -> None:
    stages = {p.stem for p in (ROOT / "src/meshcil/stages").glob("*.py")} - {"__init__", "checks", "command", "plan"}
    assert {name for _, name, _ in JOBS} == stages


@pytest.mark.parametrize(("path", "name", "lines"), RULES, ids=[name for _, name, _ in RULES])
def test_rules_are_short(path: Path, name: str, lines: list[str]) -> None:
    assert len(lines) <= 25


@pytest.mark.parametrize(("path", "name", "lines"), JOBS, ids=[name for _, name, _ in JOBS])
def test_rules_are_complete(path: Path, name: str, lines: list[str]) -> None:
    present = {line.strip().split()[0] for line in lines}
    assert present.issuperset(DIRECTIVES)
    assert f'**provenance("{name}"),' in present
    assert any("record=" in line and f"{name}" in line for line in lines)


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.name)
def test_no_logic_in_rules(path: Path) -> None:
    text = path.read_text()
    assert not re.search(r"\blambda\b", text)
    assert not re.search(r"^\s+run:", text, re.MULTILINE)


def test_files_are_short() -> None:
    assert len(FILES[0].read_text().splitlines()) <= 40
    assert len((ROOT / "workflow/rules/common.smk").read_text().splitlines()) < 150
