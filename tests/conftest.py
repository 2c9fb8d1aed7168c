"""Test-wide settings: deterministic hypothesis, runtime shape checks, one thread."""

import os
import sys
from collections.abc import Iterator
from unittest.mock import patch

# Two test processes side by side with two threads each spend most of their time waiting for each other. Said before
# anything that computes is imported; the processes that a test starts inherit it.
os.environ["OMP_NUM_THREADS"] = "1"

import hypothesis
import jaxtyping
import pytest

# Every function of the package that states a shape is checked against it while testing.
# An int is accepted where a float is meant (PEP 484's numeric tower).
_checker = "beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))"
_hook = jaxtyping.install_import_hook("meshcil", _checker)

# Without compiled files on disk, collecting takes three times as long, and every process that a test starts compiles
# torch anew, for 8 s.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

hypothesis.settings.register_profile("meshcil", derandomize=True, deadline=None, max_examples=50)
hypothesis.settings.load_profile("meshcil")


@pytest.fixture(autouse=True)
def environment() -> Iterator[None]:
    """What a test, or a library that it calls, sets in the environment ends with it."""
    with patch.dict(os.environ):
        yield


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many of the things that were altered on purpose the audit named."""
    found = {outcome: terminalreporter.stats.get(outcome, ()) for outcome in ("passed", "failed")}
    tried = {
        outcome: sum(report.when == "call" and "tampering" in report.keywords for report in reports)
        for outcome, reports in found.items()
    }
    if any(tried.values()):
        terminalreporter.write_line(f"tampering: {tried['passed']} of {sum(tried.values())} caught")
