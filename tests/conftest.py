"""Test-wide settings: deterministic hypothesis, runtime shape checks, one thread."""

import hypothesis
import jaxtyping
import pytest

# Every function of the package that states a shape is checked against it while testing.
_hook = jaxtyping.install_import_hook("meshcil", "beartype.beartype")

hypothesis.settings.register_profile("meshcil", derandomize=True, deadline=None, max_examples=50)
hypothesis.settings.load_profile("meshcil")


@pytest.fixture(autouse=True)
def _one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
