"""The workflow is wiring: short rules without logic, each with what an operator needs."""

import re
from pathlib import Path

from meshcil.lineage.stages import STAGES

ROOT = Path(__file__).resolve().parents[2]
STAGES_FOLDER = ROOT / "src/meshcil/stages"
FILES = [ROOT / "Snakefile", *sorted((ROOT / "workflow" / "rules").glob("*.smk"))]
ROW = ('inputs("{}")', '**STAGES["{}"].outputs', 'STAGES["{}"].log', "{{params.command}}")
"""What a rule takes from the row of its stage."""
DIRECTIVES = {"log:", "threads:", "resources:", "params:", "message:", "shell:"}


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


RULES = {name: lines for path in FILES for name, lines in rules(path).items()}
JOBS = {name: lines for name, lines in RULES.items() if any("shell:" in line for line in lines)}


def test_every_stage_has_a_row_and_a_rule() -> None:
    commands = {path.stem for path in STAGES_FOLDER.glob("*.py") if "\n    execute(" in path.read_text()}
    assert JOBS.keys() == commands == STAGES.keys()


def test_rules_are_short() -> None:
    lengths = {name: len(lines) for name, lines in RULES.items()}
    assert lengths and not {name: length for name, length in lengths.items() if length > 30}


def test_rules_are_complete() -> None:
    wrong = []
    for name, lines in JOBS.items():
        present = {line.strip().split()[0] for line in lines}
        wrong += [f"{name}: no {missing}" for missing in sorted(DIRECTIVES - present)]
        wrong += [] if f'**provenance("{name}"),' in present else [f"{name}: no provenance in its parameters"]
        wrong += [f"{name}: not of its row" for text in ROW if text.format(name) not in "".join(lines)]
    assert not wrong


def test_no_logic_in_rules() -> None:
    texts = {path.name: path.read_text() for path in FILES}
    assert not [n for n, text in texts.items() if re.search(r"\blambda\b|^\s+run:", text, re.MULTILINE)]


def test_files_are_short() -> None:
    lengths = {path.name: len(path.read_text().splitlines()) for path in FILES}
    assert lengths["Snakefile"] <= 40 and lengths["common.smk"] < 150
