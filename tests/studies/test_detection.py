"""Incremental detection: average precision by hand, coordinates, who is told what, and a run from start to end."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from meshcil.config.gates import GATES
from meshcil.config.studies.base import load_study
from meshcil.datasets import primitives_voc
from meshcil.datasets.voc2007 import DetectionImage, list_images
from meshcil.models.detector import build_detector, grow_predictor
from meshcil.studies import detection
from meshcil.studies.base import StudyContext, tidy
from meshcil.studies.detection_training import balanced_samples, samples_of
from tests.methods.factory import DEVICE
from tests.reporting.conftest import cells_of
from tests.unwritten import filled_with_nan

CONFIG = Path(__file__).parents[2] / "config"
CLASSES = ("aeroplane", "bottle", "car", "chair")


def settings(root: Path, **changes: object):
    found = load_study(CONFIG / "studies" / "detection-primitives.yaml")
    short = {"epochs": 1, "lr": 1e-3}
    phases = {name: type(found.first)(**short) for name in ("first", "increment", "balanced")}
    aligner = found.aligner.model_copy(update={"iterations": 20, "hidden": 8})
    values = {"root": str(root), "image_size": 64, "exemplars": 2, "score_threshold": 0.0, "aligner": aligner}
    return found.model_copy(update={**values, **phases, **changes})


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("voc")
    primitives_voc.generate(
        folder, primitives_voc.GeneratorSettings(train_per_class=2, test_per_class=1, image_size=(72, 72))
    )
    return folder


def evidence(*rows: tuple) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=detection._COLUMNS)


def truth(image: str, name: str, box: tuple, difficult: bool = False) -> tuple:
    return ("truth", "", image, name, int(name == "car"), difficult, 1.0, *box)


def found(image: str, name: str, score: float, box: tuple, moment: str = "plain") -> tuple:
    return ("found", moment, image, name, int(name == "car"), False, score, *box)


A, B, C = (0, 0, 10, 10), (20, 20, 40, 40), (50, 50, 60, 60)


def test_average_precision_takes_eleven_recalls() -> None:
    rows = [truth("1", "bottle", A), truth("2", "bottle", B)]
    # One right, then one wrong, then the other right: precision 1 up to recall 0.5, 2/3 beyond.
    rows += [found("1", "bottle", 0.9, A), found("2", "bottle", 0.8, C), found("2", "bottle", 0.7, B)]
    scores = {(m, c): v for _, _, c, m, v, _ in detection.scores_of(evidence(*rows))}
    assert scores["ap50", "bottle"] == pytest.approx((6 * 1 + 5 * 2 / 3) / 11, abs=1e-6)


@pytest.mark.parametrize(("factor", "expected"), [(1.0, 1.0), (1.6, 0.0), (800 / 375, 0.0)])
def test_boxes_in_coordinates_of_the_resized_image_find_nothing(factor: float, expected: float) -> None:
    """A perfect detector; the shorter side of VOC's images, 375 pixels or so, is enlarged to 600 or 800."""
    boxes = {"1": A, "2": B, "3": C}
    rows = [truth(image, "bottle", box) for image, box in boxes.items()]
    rows += [found(image, "bottle", 0.9, tuple(factor * x for x in box)) for image, box in boxes.items()]
    scores = {(m, c): v for _, _, c, m, v, _ in detection.scores_of(evidence(*rows))}
    assert scores["ap50", "bottle"] == expected


def test_difficult_objects_count_neither_way_and_classes_are_scored_by_task() -> None:
    rows = [truth("1", "bottle", A), truth("1", "bottle", B, True), truth("1", "car", C)]
    rows += [found("1", "bottle", 0.9, A), found("1", "bottle", 0.95, B), found("1", "car", 0.5, A)]
    rows.append(found("1", "bottle", 0.9, A, "base"))
    scores = {(t, m, c): v for _, t, c, m, v, _ in detection.scores_of(evidence(*rows))}
    assert scores["plain", "ap50_old", ""] == pytest.approx(1.0)
    assert scores["plain", "ap50_new", ""] == 0.0 and scores["plain", "ap50", ""] == pytest.approx(0.5)
    assert ("base", "ap50", "bottle") in scores and ("base", "ap50", "car") not in scores


def test_a_class_of_difficult_objects_only_has_nothing_to_find() -> None:
    rows = [truth("1", "bottle", A), truth("1", "car", B, True)]
    rows += [found("1", "bottle", 0.9, A), found("1", "car", 0.9, B)]
    scores = {(m, c): (v, n) for _, _, c, m, v, n in detection.scores_of(evidence(*rows))}
    assert scores["ap50", "bottle"] == (1.0, 1) and scores["ap50", "car"] == (0.0, 0)


def test_a_box_within_a_difficult_object_is_wrong_unless_it_overlaps_by_half() -> None:
    rows = [truth("1", "bottle", A), truth("1", "bottle", B, True)]
    rows.append(found("1", "bottle", 0.9, A))
    for box, precision in (((20, 20, 40, 30), 1.0), ((20, 20, 28, 28), 0.5)):
        table = evidence(*rows, found("1", "bottle", 0.95, box))
        scores = {(m, c): v for _, _, c, m, v, _ in detection.scores_of(table)}
        assert scores["ap50", "bottle"] == pytest.approx(precision)


def test_oracle_is_told_what_a_proposal_shows_in_original_coordinates(root: Path) -> None:
    image = DetectionImage(
        "1", Path("1.jpg"), Path("1.xml"), (100, 100), ("bottle", "car"), np.array([A, B], dtype=np.float32),
        np.array([False, False]),
    )  # fmt: skip
    told = detection.true_old(torch.tensor([A, B, C], dtype=torch.float32), image, settings(root))
    assert told.tolist() == [True, False, False]


def test_a_step_knows_the_boxes_of_its_own_classes_only(root: Path) -> None:
    images = list_images(root, "trainval")
    for wanted in (CLASSES[:2], CLASSES[2:]):
        samples = samples_of(images, CLASSES, wanted)
        labels = {int(label) - 1 for sample in samples for label in sample.labels}
        assert samples and {CLASSES[label] for label in labels} <= set(wanted)
    few = balanced_samples(samples_of(images, CLASSES, CLASSES), 4, 1, torch.Generator().manual_seed(0))
    assert len(few) <= 4


def test_growing_keeps_the_answers_for_old_classes() -> None:
    model = build_detector("small", 2, size=64).eval()
    latents = torch.randn(3, 128, generator=torch.Generator().manual_seed(0))
    before = model.roi_heads.box_predictor(latents)
    grow_predictor(model, 4)
    after = model.roi_heads.box_predictor(latents)
    assert after[0].shape == (3, 5) and after[1].shape == (3, 20)
    torch.testing.assert_close(after[0][:, :3], before[0])
    torch.testing.assert_close(after[1][:, :12], before[1])
    with pytest.raises(ValueError, match="classes must be at least the 4"):
        grow_predictor(model, 3)
    with pytest.raises(ValueError, match="network must be one of small"):
        build_detector("large", 2)


def test_unaligned_detections_are_those_of_the_network_itself(root: Path) -> None:
    chosen = settings(root)
    model = build_detector("small", 4, size=64).eval()
    model.roi_heads.score_thresh = 0.0
    image = list_images(root, "test")[0]
    aligner = detection.LatentAligner(chosen.aligner, 128, 1, 0, torch.device("cpu"))
    rows = detection.gated_rows(model, aligner, image, chosen)
    plain = [row for row in rows if row[1] == "plain"]
    assert plain and plain == detection.plain_rows(model, image, "plain", chosen)
    assert {row[1] for row in rows} <= {"plain", *GATES}
    height, width = image.size
    assert all(0 <= row[7] <= width and 0 <= row[8] <= height for row in rows)


@pytest.mark.parametrize(("device", "inside"), [("cuda", 0), ("cpu", 1)])
def test_deterministic_kernels_are_left_on_a_gpu_only_and_come_back(device: str, inside: int) -> None:
    before = torch.get_deterministic_debug_mode()
    torch.set_deterministic_debug_mode("warn")
    try:
        with pytest.raises(ZeroDivisionError), detection.quick_kernels(torch.device(device)):
            assert torch.get_deterministic_debug_mode() == inside
            raise ZeroDivisionError
        assert torch.get_deterministic_debug_mode() == 1
    finally:
        torch.set_deterministic_debug_mode(before)


def test_a_study_runs_from_rendered_images_to_a_table_and_resumes(root: Path, tmp_path: Path) -> None:
    said: list[str] = []
    chosen = settings(root)
    context = StudyContext("tiny", 0, DEVICE, tmp_path / "checkpoint", said.append)
    first = detection.run(chosen, context)
    assert [line.split(":")[0] for line in said] == ["phase first", "phase increment", "phase balanced", "aligner"]
    said.clear()
    again = detection.run(chosen, context)
    assert [line.split(":")[0] for line in said] == ["aligner"], "finished phases are taken from their checkpoints"
    pd.testing.assert_frame_equal(first.evidence, again.evidence)
    if DEVICE.type == "cpu":  # on a GPU a second training need not give the same
        with filled_with_nan():
            anew = detection.run(chosen, StudyContext("tiny", 0, DEVICE, tmp_path / "anew", said.append))
        pd.testing.assert_frame_equal(first.evidence, anew.evidence, check_exact=True)
    scores = tidy("tiny", "detection", "tiny", first, 0, detection.scores_of(first.evidence))
    built = cells_of("detection", scores)
    assert list(built["gate"]) == [gate for gate in GATES if gate != "oracle-without-alignment"]
    assert built["old without [%]"].notna().all() and built["before [%]"].nunique() == 1
    assert set(scores.loc[scores["metric"] == "aligner_bytes", "value"]) == {4 * (128 * 8 + 8 + 8 + 1)}
