"""A page that is followed to the letter: what its reader is told to write, to add and to type, in this order."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

ROOT = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"^([^\n]*)\n\n```(\w+)\n(.*?)(?=^```$)", re.MULTILINE | re.DOTALL)
NAME = re.compile(r"`([\w./-]+)`")
BEFORE = re.compile(r"\bIn `([\w./-]+)`, before `([^`]+)`:$")
END = re.compile(r"\bAt the end of `([\w./-]+)`:$")


@dataclass(frozen=True)
class Step:
    """One block of a page.

    Attributes:
        action: a new file, lines at the end of one that is there or before another line of it, or commands.
        file: path from the root of the repository; empty for commands.
        text: the block.
        place: how the line begins that the text goes before.
    """

    action: Literal["write", "add", "insert", "type"]
    file: str
    text: str
    place: str = ""

    def carry_out(self, folder: Path) -> Path:
        """Write or add the text in a copy of the repository; the file."""
        path = folder / self.file
        if self.action == "write":
            assert not path.exists(), f"{self.file} is there already"
            path.write_text(self.text, encoding="utf-8")
            return path
        before = path.read_text(encoding="utf-8")
        if self.action == "insert":
            assert before.count(f"\n{self.place}") == 1, f"{self.file} has no single line {self.place}"
            path.write_text(before.replace(f"\n{self.place}", f"\n{self.text}{self.place}"), encoding="utf-8")
            return path
        assert before.endswith("\n"), f"{self.file} ends within a line"
        path.write_text(before + self.text, encoding="utf-8")
        return path


def steps(page: str) -> list[Step]:
    """All blocks of a page in ``docs``; none is passed over.

    Raises:
        AssertionError: for a block that the line before it says nothing about.
    """
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    found = []
    for before, language, block in BLOCK.findall(text):
        if language == "bash":
            found.append(Step("type", "", block))
        elif name := NAME.fullmatch(before):
            found.append(Step("write", name[1], block))
        elif name := END.search(before):
            found.append(Step("add", name[1], block))
        elif name := BEFORE.search(before):
            found.append(Step("insert", name[1], block, name[2]))
        else:
            raise AssertionError(f"{page}: what is the reader to do with the block after {before!r}?")
    assert len(found) == text.count("\n```") / 2, f"{page} has blocks without a line and an empty one before them"
    return found


def write_files(page: str, folder: Path) -> list[Path]:
    """Write and add everything that a page tells its reader to, and type nothing."""
    return [step.carry_out(folder) for step in steps(page) if step.action != "type"]
