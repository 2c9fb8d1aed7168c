"""`make reproduce` twice at once in one folder: what DVC records is recorded by one after the other."""

import shutil
import subprocess
import sys
from pathlib import Path

from tests.workflow.conftest import ROOT

COMMANDS = {
    "meshcil": "case $1 in submit) mkdir -p logs; touch logs/make.lock;; audit) echo audit >> order; sleep 0.3;; esac",
    "dvc": 'if [ "$1" = commit ]; then echo commit >> order; fi',
}


def test_two_recordings_follow_each_other(tmp_path: Path) -> None:
    for name in ("Makefile", "dvc.yaml", "requirements.lock"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / ".git").mkdir()
    (tmp_path / "bin").mkdir()
    for name, body in COMMANDS.items():
        command = tmp_path / "bin" / name
        command.write_text(f"#!/bin/sh\n{body}\n")
        command.chmod(0o755)
    make = ["make", "reproduce", "BIN=bin", "STAMP=Makefile", f"PYTHON={sys.executable}"]
    both = [subprocess.Popen(make, cwd=tmp_path, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    printed = [process.communicate()[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], printed
    assert (tmp_path / "order").read_text().split() == ["audit", "commit"] * 2
