"""Counts that documents state of their own tables."""

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.mark.parametrize(
    ("document", "heading", "beyond"),
    [
        ("audit.md", "### Which forgeries it names", 5),
        ("audit.md", "### Attacks and their tests", 0),
        ("reliability.md", "## Files that others made", 0),
    ],
)
def test_the_stated_count_is_that_of_the_rows(document: str, heading: str, beyond: int) -> None:
    part = re.split(r"^##", (DOCS / document).read_text(encoding="utf-8").split(f"{heading}\n")[1], flags=re.MULTILINE)
    rows = re.findall(r"^\| .*", part[0], re.MULTILINE)[1:]
    stated = {int(number) for number, _ in re.findall(r"\b(\d+) of (\1)\b", part[0])}
    assert stated == {len(rows) - beyond}
    assert len({len(re.findall(r"(?<!\\)\|", row)) for row in rows}) == 1, "a row lacks a column"
    if not beyond:
        assert all(re.search("tests/|the first|the same", row) for row in rows)
