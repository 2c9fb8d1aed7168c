"""Figures of test images: which images, what is written below them, size, refusals."""

import json
import shutil
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path

import pytest

from meshcil.core.errors import InputError
from meshcil.core.naming import available
from meshcil.reporting.overlay import Edge
from meshcil.reporting.pictures.pose_overlays import MAX_BYTES
from meshcil.reporting.shown import Shown, cells, read_shown
from meshcil.reporting.style import FigureFiles, figure_files
from tests.reporting.conftest import drawn

KINDS = available("meshcil.reporting.pictures")


def drawing(kind: str) -> Callable[..., str]:
    """What draws a kind of picture as the text of an SVG file."""
    return lambda shown, options: files_of(kind, shown, **options).svg.decode()


def files_of(kind: str, shown: Shown, **options: object) -> FigureFiles:
    """Both files of a picture."""
    return figure_files(drawn("pictures", kind, shown, **options))


def texts(svg: str) -> list[str]:
    return [node.text or "" for node in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]


def test_the_kinds_are_there() -> None:
    assert "pose-overlays" in KINDS


@pytest.mark.parametrize("kind", KINDS)
def test_equal_predictions_give_equal_text_and_unknown_options_are_refused(kind: str, shown: Shown) -> None:
    draw = drawing(kind)
    assert draw(shown, {}) == draw(shown, {})
    with pytest.raises(InputError, match="colour"):
        draw(shown, {"colour": "red"})


def test_confusions_name_their_axes_and_need_no_poses(data: Path, predictions: Path, tmp_path: Path) -> None:
    flat = tmp_path / "flat"
    shutil.copytree(data, flat)
    (flat / "cuboids.json").unlink()
    info = json.loads((flat / "dataset.json").read_text())
    (flat / "dataset.json").write_text(json.dumps(info | {"focal": None}))
    shown = read_shown(flat, [predictions])
    assert {"true class", "predicted class"} <= set(texts(drawing("confusion")(shown, {})))
    for kind in ("pose-errors", "pose-overlays"):
        with pytest.raises(InputError, match="has no poses"):
            drawing(kind)(shown, {})


@pytest.mark.parametrize(("kind", "images"), [("confusion", 0), ("pose-errors", 0), ("pose-overlays", 8)])
def test_each_kind_is_stored_for_papers_too(kind: str, images: int, shown: Shown) -> None:
    first, second = (files_of(kind, shown).pdf for _ in range(2))
    assert first == second and first.startswith(b"%PDF")
    assert first.count(b"/Subtype /Image") == images


def test_images_are_picked_by_their_place_and_say_what_was_found(shown: Shown) -> None:
    draw = drawing("pose-overlays")
    options = {"test_sets": ["clean", "L1"], "images": 3}
    svg = draw(shown, options)
    below = ["bus", "pose 12° off, fit 0.23", "bus (is car)", "pose 12° off, fit 0.23", "bus (is sofa)"]
    found = texts(svg)
    assert found[:2] == ["clean", "L1"]
    assert found[2:7] == below and found[8:13] == below
    assert found[-2:] == ["explained by the mesh", "explained better by the background"]
    assert svg.count("M ") == 2 * 3 * 2
    # Another prediction changes what is written, not which images are shown.
    turned = shown.predictions.assign(predicted_class=shown.predictions["true_class"])
    other = texts(draw(Shown(shown.classes, turned, shown.focal, shown.bounds, shown.data), options))
    assert other[2:9:2] == ["bus", "car", "sofa", "bus"]
    assert len(svg) < MAX_BYTES + 10_000


def test_the_worst_errors_are_the_surest_ones_one_per_class(shown: Shown) -> None:
    draw = drawing("pose-overlays")
    rows = shown.predictions
    sure = (rows["sample_id"] == "sofa2") | (rows["sample_id"] == "car1")
    fits = rows.assign(
        fit=rows["fit"].where(~sure, 0.9), pose_error=rows["pose_error"].where(rows["sample_id"] != "bus1", 3)
    )
    worst = draw(Shown(shown.classes, fits, shown.focal, shown.bounds, shown.data), {"images": 3, "pick": "worst"})
    assert texts(worst)[1:7:2] == ["bus (is car)", "bus (is sofa)", "bus"]
    assert texts(worst)[2:7:2] == ["pose 12° off, fit 0.90"] * 2 + ["pose 172° off, fit 0.23"]


def test_the_worst_of_all_classes_stand_in_several_rows_each_class_once(shown: Shown) -> None:
    svg = drawing("pose-overlays")(shown, {"test_sets": ["clean", "L1"], "images": 9, "columns": 2, "pick": "worst"})
    names = [text for text in texts(svg) if text.startswith("bus")]
    assert names == ["bus (is car)", "bus (is sofa)", "bus"] * 2
    root = ElementTree.fromstring(svg)
    width, height = (float(root.get(side, "")) for side in ("width", "height"))
    assert (round(width), round(height)) == (2 * 210 + 70, 4 * 136 + 26)
    places = {node.text: float(node.get("y", "")) for node in root.iter("{http://www.w3.org/2000/svg}text")}
    assert places["L1"] - places["clean"] == 2 * 136


@pytest.mark.parametrize("kind", ["confusion", "pose-errors"])
def test_a_method_without_meshes_has_confusions_and_pose_errors(
    kind: str, data: Path, shown: Shown, tmp_path: Path
) -> None:
    path = tmp_path / "flat.parquet"
    shown.predictions.drop(columns=["distance", "fit", "covered", "occluded"]).to_parquet(path)
    assert drawing(kind)(read_shown(data, [path]), {}) == drawing(kind)(shown, {})


def test_a_confusion_matrix_shows_what_is_taken_for_what(shown: Shown) -> None:
    draw = drawing("confusion")
    found = texts(draw(shown, {"test_sets": ["clean", "L1"]}))
    assert found.count("100") == 2 * 3 and found.count("car") == 4 and "L1" in found
    with pytest.raises(InputError, match="no predictions"):
        draw(shown, {"test_sets": ["L3"]})


def test_pose_errors_rise_where_the_errors_are(shown: Shown) -> None:
    draw = drawing("pose-errors")
    assert {"clean", "L1", "30"} <= set(texts(draw(shown, {"test_sets": ["clean", "L1"]})))
    missing = shown.predictions.assign(pose_error=float("nan"))
    lost = Shown(shown.classes, missing, shown.focal, shown.bounds, shown.data)
    assert draw(lost, {}) != draw(shown, {})
    with pytest.raises(InputError, match="more than five"):
        draw(shown, {"test_sets": ["clean"] * 6})


def test_the_whole_figure_stays_small(shown: Shown) -> None:
    draw = drawing("pose-overlays")
    assert len(draw(shown, {"test_sets": ["clean", "L1"] * 2, "images": 6})) < MAX_BYTES + 10_000


def test_occlusion_maps_and_edges_are_those_of_the_prediction(shown: Shown) -> None:
    row = shown.predictions.iloc[0]
    covered, occluded = cells(row)
    assert covered.sum() == 144 and occluded.sum() == 72 and not (occluded & ~covered).any()
    edges = shown.edges(row, (96, 96))
    assert len(edges) == 12 and all(isinstance(edge, Edge) for edge in edges)


def test_wrong_files_are_one_message(data: Path, predictions: Path, shown: Shown, tmp_path: Path) -> None:
    draw = drawing("pose-overlays")
    with pytest.raises(InputError, match="no predictions to show"):
        draw(shown, {"test_sets": ["L2"]})
    flat = tmp_path / "flat.parquet"
    shown.predictions.drop(columns=["covered"]).to_parquet(flat)
    with pytest.raises(InputError, match="its method has no meshes"):
        draw(read_shown(data, [flat]), {})
    flat.write_bytes(b"PAR1")
    with pytest.raises(InputError, match=r"flat\.parquet"):
        read_shown(data, [flat])
    with pytest.raises(InputError, match="is missing"):
        read_shown(data, [tmp_path / "none.parquet"])
