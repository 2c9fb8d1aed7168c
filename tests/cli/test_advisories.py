"""`make audit-packages` calls nothing safe that it could not ask about."""

import json
from pathlib import Path

import pytest

from meshcil.cli.advisories import report

SOUND = {"name": "a", "version": "1", "vulns": []}
BAD = {"name": "b", "version": "2", "vulns": [{"id": "CVE-1", "fix_versions": ["3"]}]}
SKIPPED = {"name": "c", "skip_reason": "not found"}


@pytest.mark.parametrize(
    ("packages", "code", "said"),
    [
        ([SOUND], 0, "OK: no vulnerability of the 1 locked packages is known"),
        ([SOUND, BAD], 1, "b 2: CVE-1, mended in 3"),
        ([SOUND, SKIPPED], 3, "1 of 2 packages could not be looked up in the database: c"),
        (None, 3, "Nothing was checked: the database of vulnerabilities cannot be reached"),
    ],
)
def test_what_was_found_decides(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], packages: list | None, code: int, said: str
) -> None:
    found = tmp_path / "found.json"
    if packages is not None:
        found.write_text(json.dumps({"dependencies": packages}))
    assert report(found) == code and said in capsys.readouterr().out
