"""A step that the run does not have, and files of another step than the one named, are refused."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from meshcil.core.errors import InputError
from meshcil.stages.align import align
from meshcil.stages.predict import predict
from meshcil.stages.predict_aligned import predict_aligned
from meshcil.stages.select import select
from meshcil.stages.train import train
from tests.methods.factory import CONFIG
from tests.stages.test_chain import resolved, write_runs

FIRST, RUN, OUT = Path("first.json"), Path("run.json"), Path("new")
ALIGNER = CONFIG / "aligners/identity.yaml"


def state(step: int) -> Path:
    return Path(f"step{step}/state.safetensors")


def chosen(step: int) -> Path:
    return Path(f"step{step}/exemplars.json")


def train_from(step: int, previous: Path | None, exemplars: Path | None, data: Path, out: Path = OUT) -> None:
    train(FIRST if step == 0 else RUN, data, step, out / "state.safetensors", out / "epochs.csv", previous, exemplars)


def select_from(step: int, after: Path, previous: Path | None, data: Path, out: Path = OUT) -> None:
    select(RUN, data, step, after, out / "exemplars.json", out / "ledger.csv", previous)


def predict_from(step: int, after: Path, exemplars: Path, data: Path) -> None:
    predict(RUN, data, step, after, exemplars, "clean", OUT / "predictions.parquet")


def align_from(step: int, before: Path, after: Path, exemplars: Path, data: Path, out: Path = OUT) -> None:
    files = (out / name for name in ("aligner.safetensors", "progress.csv", "ledger.csv"))
    align(RUN, data, step, before, after, exemplars, Path("step1/ledger.csv"), ALIGNER, *files)


def aligned_from(step: int, after: Path, exemplars: Path, data: Path) -> None:
    aligner = Path("identity/aligner.safetensors")
    predict_aligned(RUN, data, step, after, exemplars, aligner, data / "clean.parquet", OUT)


@pytest.fixture(scope="module")
def chain(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Working folder with a run of two steps and an aligner; its training images serve as test set, too."""
    folder = tmp_path_factory.mktemp("chain")
    place = Path(shutil.copytree(data, folder / "data"))
    shutil.copy(place / "train.parquet", place / "clean.parquet")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        write_runs(resolved("icarl"))
        for step in (0, 1):
            before = (state(step - 1), chosen(step - 1)) if step else (None, None)
            train_from(step, *before, place, Path(f"step{step}"))
            select_from(step, state(step), before[1], place, Path(f"step{step}"))
        align_from(1, state(0), state(1), chosen(0), place, Path("identity"))
    return folder


REFUSED: dict[str, tuple[Callable[[Path], None], str]] = {
    "training before the first step": (lambda d: train_from(-1, None, None, d), "step -1.*from 0 to 1"),
    "training after the last step": (lambda d: train_from(2, state(1), chosen(1), d), "step 2.*from 0 to 1"),
    "training without a state": (lambda d: train_from(1, None, chosen(0), d), "--previous: is missing.*step 0"),
    "training without exemplars": (lambda d: train_from(1, state(0), None, d), "--exemplars: is missing.*step 0"),
    "training step 0 on a state": (lambda d: train_from(0, state(0), None, d), "--previous .*Leave the option out"),
    "training step 0 on exemplars": (lambda d: train_from(0, None, chosen(0), d), "--exemplars .*Leave the option out"),
    "training on its own state": (lambda d: train_from(1, state(1), chosen(0), d), "step1/state.* after step 1, not 0"),
    "training on its own exemplars": (
        lambda d: train_from(1, state(0), chosen(1), d),
        "step1/exemplars.* after step 1, not 0",
    ),
    "selection after the last step": (lambda d: select_from(2, state(1), chosen(1), d), "step 2.*from 0 to 1"),
    "selection without exemplars": (lambda d: select_from(1, state(1), None, d), "--previous: is missing"),
    "selection at step 0 with exemplars": (lambda d: select_from(0, state(0), chosen(0), d), "Leave the option out"),
    "selection from an earlier state": (lambda d: select_from(1, state(0), chosen(0), d), "after step 0, not 1"),
    "selection on its own exemplars": (lambda d: select_from(1, state(1), chosen(1), d), "after step 1, not 0"),
    "prediction after the last step": (lambda d: predict_from(9, state(1), chosen(1), d), "step 9.*from 0 to 1"),
    "prediction with a later state": (lambda d: predict_from(0, state(1), chosen(0), d), "after step 1, not 0"),
    "prediction with later exemplars": (lambda d: predict_from(0, state(0), chosen(1), d), "after step 1, not 0"),
    "alignment at step 0": (lambda d: align_from(0, state(0), state(0), chosen(0), d), "step 0.*from 1 to 1"),
    "alignment from the same state": (lambda d: align_from(1, state(1), state(1), chosen(0), d), "after step 1, not 0"),
    "alignment with later exemplars": (
        lambda d: align_from(1, state(0), state(1), chosen(1), d),
        "after step 1, not 0",
    ),
    "aligned prediction at step 0": (lambda d: aligned_from(0, state(0), chosen(0), d), "step 0.*from 1 to 1"),
    "aligned prediction with an earlier state": (
        lambda d: aligned_from(1, state(0), chosen(1), d),
        "after step 0, not 1",
    ),
    "aligned prediction with earlier exemplars": (
        lambda d: aligned_from(1, state(1), chosen(0), d),
        "after step 0, not 1",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_and_nothing_is_recorded(case: str, chain: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    call, expected = REFUSED[case]
    monkeypatch.chdir(chain)
    with pytest.raises(InputError, match=expected):
        call(chain / "data")
    assert not OUT.exists()


def test_files_of_the_named_step_are_accepted(chain: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(chain)
    try:
        for step in (0, 1):
            predict_from(step, state(step), chosen(step), chain / "data")
        aligned_from(1, state(1), chosen(1), chain / "data")
        assert {path.suffix for path in OUT.iterdir()} == {".parquet", ".json"}
    finally:
        shutil.rmtree(OUT, ignore_errors=True)


def test_a_first_step_is_trained_under_its_own_budget_and_no_other_step_is(
    chain: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(chain)
    outputs = OUT / "state.safetensors", OUT / "epochs.csv"
    with pytest.raises(InputError, match=r"run\.json: is of budget total-8, but step 0 is trained once.*budget any"):
        train(RUN, chain / "data", 0, *outputs)
    with pytest.raises(InputError, match=r"step 1.*from 0 to 0"):
        train(FIRST, chain / "data", 1, *outputs, state(0), chosen(0))
    assert not OUT.exists()
