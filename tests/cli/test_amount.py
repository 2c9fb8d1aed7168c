"""How much an experiment asks for, in words."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from meshcil.cli.application import app

CONFIG = Path(__file__).resolve().parents[2] / "config"


@pytest.mark.parametrize(
    ("experiments", "amount"),
    [
        ("smoke", "2 runs, 4 training steps"),
        # The first steps of iNeMo and iCaRL serve both of their budgets.
        ("laptop", "6 runs, 22 training steps"),
        ("eli-smoke", "2 runs, 4 training steps, 2 aligners to fit, 1 study, 2 jobs of studies"),
        ("eli-detection-embedded", "2 studies, 6 jobs of studies"),
        # What two experiments share counts once.
        ("smoke,eli-smoke", "2 runs, 4 training steps, 2 aligners to fit, 1 study, 2 jobs of studies"),
    ],
)
def test_a_check_says_how_much_there_is_to_do(experiments: str, amount: str) -> None:
    done = CliRunner().invoke(app, ["check", experiments, "--config", str(CONFIG)])
    assert done.exit_code == 0 and done.stdout.strip() == f"{experiments}: {amount}"
