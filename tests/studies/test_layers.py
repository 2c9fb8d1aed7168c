"""MEMO's look into the layers, short: what is measured, that the control differs, and that a kill changes nothing."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from meshcil.config.studies.base import load_study
from meshcil.core.errors import InputError
from meshcil.reporting.scores import COLUMNS
from meshcil.studies import layers
from meshcil.studies.base import StudyContext, StudyResult, tidy
from tests.datasets import archives
from tests.methods.factory import DEVICE
from tests.reporting.conftest import cells_of
from tests.unwritten import filled_with_nan

CONFIG = Path(__file__).parents[2] / "config"


class Killed(Exception):
    """Stands for the death of the process."""


def study(folder: Path, say: Callable[[str], None] = lambda line: None, **changed: object) -> StudyResult:
    settings = load_study(CONFIG / "studies/layers-digits.yaml").model_copy(update=changed)
    small = {"backbone": settings.single.backbone.model_copy(update={"width": 4, "depth": 8})}
    small["training"] = settings.single.training.model_copy(update={"first_epochs": 2, "epochs": 3})
    changes = {name: getattr(settings, name).model_copy(update=small) for name in ("single", "expandable")}
    short = {"classes_per_step": 5, "train_per_class": 12, "test_per_class": 4, "kept_per_class": 3}
    context = StudyContext("layers", 0, DEVICE, folder / "checkpoint", say)
    return layers.run(settings.model_copy(update=changes | short), context)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> StudyResult:
    return study(tmp_path_factory.mktemp("layers"))


def test_every_block_is_measured_in_every_step(found: StudyResult) -> None:
    evidence = found.evidence
    assert found.protocol == "5-5"
    for measure in ("shift", "gradient", "parameters"):
        rows = evidence[evidence["measure"] == measure]
        assert set(zip(rows["step"], rows["block"], strict=True)) == {(s, b) for s in (0, 1) for b in (1, 2, 3)}
        assert (rows["value"] > 0).all()
    shift, late = (evidence[evidence["measure"] == m]["value"].to_numpy() for m in ("shift", "shift_after_first_epoch"))
    assert (late < shift).any()
    assert evidence[evidence["measure"] == "parameters"]["value"].tolist()[:3] == [304, 896, 3520]


def test_images_of_another_size_are_measured_too(tmp_path: Path) -> None:
    archives.fashion_mnist(tmp_path / "raw", per_class=12)
    result = study(tmp_path, dataset="fashion-mnist", root=str(tmp_path / "raw"))
    assert (result.dataset, result.protocol) == ("fashion-mnist", "5-5")
    assert set(result.evidence["block"]) == {1, 2, 3} and (result.evidence["value"] >= 0).any()
    with pytest.raises(InputError, match="does not hold Fashion-MNIST"):
        study(tmp_path, dataset="fashion-mnist", root=str(tmp_path / "absent"))


def test_likeness_is_measured_against_fresh_weights(found: StudyResult) -> None:
    scores = {(name, metric): value for _, _, name, metric, value, _ in layers.scores_of(found.evidence)}
    for block in ("block 01", "block 02", "block 03"):
        assert scores[block, "cka_map_biased"] <= 1 + 1e-9
        assert scores[block, "cka_map_biased"] != scores[block, "cka_map_biased_fresh"]
    # A network that begins as a copy stays more like its parent than one that begins afresh.
    assert scores["block 01", "cka_map_unbiased"] > scores["block 01", "cka_map_unbiased_fresh"]


def test_table_has_a_row_per_block(found: StudyResult) -> None:
    scores = tidy("layers-digits", "layers", "layers", found, 0, layers.scores_of(found.evidence))
    built = cells_of("layers", pd.DataFrame(scores, columns=COLUMNS))
    assert built["block"].tolist() == ["block 01", "block 02", "block 03"]
    assert (built["gradient norm"] > built["gradient norm per root of parameters"]).all()
    # One later step: the mean over steps is its value. The blocks have 304, 896 and 3520 parameters.
    assert built["norm of change"].pow(2).tolist() == pytest.approx((built["shift"] * [304, 896, 3520]).tolist())


def assert_same(again: StudyResult, found: StudyResult) -> None:
    """Bit for bit on the CPU, as the trainer promises."""
    pd.testing.assert_frame_equal(again.evidence, found.evidence, check_exact=DEVICE.type == "cpu")


def test_nothing_is_read_that_was_never_written(found: StudyResult, tmp_path: Path) -> None:
    with filled_with_nan():
        assert_same(study(tmp_path), found)


@pytest.mark.parametrize(
    ("last", "first"),
    [
        ("single step 0 epoch 0", "single step 0 epoch 0"),  # its checkpoint is there, what the study took down is not
        ("single step 0 epoch 1", "single step 1 epoch 0"),  # all epochs are trained, the step is not finished
        ("single step 1 epoch 0", "single step 0 epoch 0"),  # after a finished step
        ("single step 1 epoch 1", "single step 0 epoch 0"),  # within a later step
        ("expandable_fresh step 1 epoch 1", "single step 0 epoch 0"),
    ],
)
def test_a_killed_study_gives_the_same_when_started_again(
    last: str, first: str, found: StudyResult, tmp_path: Path
) -> None:
    before, after = list[str](), list[str]()

    def die(line: str) -> None:
        before.append(line)
        if line == last:
            raise Killed

    with pytest.raises(Killed):
        study(tmp_path, die)
    again = study(tmp_path, after.append)
    assert_same(again, found)
    assert after[0] == first
    if not last.endswith("epoch 0"):
        assert last not in after, "the interrupted step goes on from its checkpoint"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("calls", range(1, 4))
def test_a_kill_while_a_finished_steps_files_are_deleted_changes_nothing(
    calls: int, found: StudyResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unlink, made = Path.unlink, list[Path]()

    def die(path: Path, missing_ok: bool = False) -> None:
        there = path.exists()
        unlink(path, missing_ok)
        made.extend([path] * there)
        if len(made) == calls:
            raise Killed

    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(Path, "unlink", die)
        study(tmp_path)
    assert len(list(tmp_path.iterdir())) == 3 - calls
    assert_same(study(tmp_path), found)
