"""Snakemake's own linter."""

import os
import re
import subprocess
from pathlib import Path

from tests.workflow.conftest import snakemake_command

# Packages come from requirements.lock, whose digest is a parameter of every rule. A `conda:` directive that is never
# used would only claim otherwise.
ACCEPTED = {"Specify a conda environment or container for each rule.:"}


def test_lint_finds_nothing_else(tmp_path: Path) -> None:
    command = snakemake_command(tmp_path, "--lint", "--config", "experiment=smoke")
    environment = {name: value for name, value in os.environ.items() if name != "SNAKEMAKE_PROFILE"}
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=environment)
    output = done.stdout + done.stderr
    assert "Lints for rule train" in output
    assert set(re.findall(r"^ +\* (.*)$", output, re.MULTILINE)) == ACCEPTED
