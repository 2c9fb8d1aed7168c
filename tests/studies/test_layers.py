"""MEMO's look into the layers, short: what is measured, and that the control differs."""

from pathlib import Path

import pandas as pd
import pytest

from meshcil.config.studies.base import load_study
from meshcil.reporting.scores import COLUMNS
from meshcil.reporting.tables import layers as table
from meshcil.studies import layers
from meshcil.studies.base import StudyContext, StudyResult, tidy
from tests.methods.factory import DEVICE

CONFIG = Path(__file__).parents[2] / "config"


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> StudyResult:
    settings = load_study(CONFIG / "studies/layers-digits.yaml")
    small = {"backbone": settings.single.backbone.model_copy(update={"width": 4, "depth": 8})}
    small["training"] = settings.single.training.model_copy(update={"first_epochs": 2, "epochs": 2})
    changes = {name: getattr(settings, name).model_copy(update=small) for name in ("single", "expandable")}
    short = {"classes_per_step": 5, "train_per_class": 12, "test_per_class": 4, "kept_per_class": 3}
    checkpoint = tmp_path_factory.mktemp("layers") / "checkpoint"
    context = StudyContext("layers", 0, DEVICE, checkpoint, lambda line: None)
    return layers.run(settings.model_copy(update=changes | short), context)


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


def test_likeness_is_measured_against_fresh_weights(found: StudyResult) -> None:
    scores = {(name, metric): value for _, _, name, metric, value, _ in layers.scores_of(found.evidence)}
    for block in ("block 01", "block 02", "block 03"):
        assert scores[block, "cka_map_biased"] <= 1 + 1e-9
        assert scores[block, "cka_map_biased"] != scores[block, "cka_map_biased_fresh"]
    # A network that begins as a copy stays more like its parent than one that begins afresh.
    assert scores["block 01", "cka_map_unbiased"] > scores["block 01", "cka_map_unbiased_fresh"]


def test_table_has_a_row_per_block(found: StudyResult) -> None:
    scores = tidy("layers-digits", "layers", found, 0, layers.scores_of(found.evidence))
    built = table.build(pd.DataFrame(scores, columns=COLUMNS), {})
    assert built["block"].tolist() == ["block 01", "block 02", "block 03"]
    assert (built["gradient norm"] > built["gradient norm per root of parameters"]).all()
