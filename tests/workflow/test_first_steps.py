"""A first step is trained once for all budgets, and nothing else is trained beside the runs."""

import subprocess
from pathlib import Path

import pytest

from tests.workflow.conftest import snakemake, snakemake_command

pytestmark = [pytest.mark.workflow, pytest.mark.timeout(900)]

RUNS = "results/runs/primitives3d-tiny/2-2/icarl-smoke"


@pytest.mark.parametrize("step", ["total-16/seed0/step0", "any/seed0/step1"])
def test_what_no_job_reads_cannot_be_asked_for(step: str, tmp_path: Path) -> None:
    target = f"{RUNS}/{step}/state.safetensors"
    command = snakemake_command(tmp_path, target, "--dry-run", "--config", "experiment=smoke")
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode != 0 and f"No rule to produce {target}" in done.stdout + done.stderr


def test_a_later_step_goes_on_from_the_shared_one(tmp_path: Path) -> None:
    printed = snakemake(tmp_path, f"{RUNS}/total-16/seed0/step1/state.safetensors", "--dry-run")
    assert "train icarl-smoke any seed 0, step 0" in printed and "train icarl-smoke total-16 seed 0, step 1" in printed
