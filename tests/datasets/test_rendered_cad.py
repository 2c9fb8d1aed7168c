"""Datasets that are rendered from CAD models: shapes, splits, poses."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import trimesh

from meshcil.core.errors import InputError
from meshcil.core.hashing import sha256_tree
from meshcil.datasets.pascal3d import read_annotation
from meshcil.datasets.preparation import Frame, make_reader, prepare_sample
from meshcil.datasets.rendered_cad import GeneratorSettings, Models, generate, load_shape, split_models

CLASSES = ("crate", "post")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Boxes of different proportions, with a lid of their own, far from the origin and of any size."""
    root = tmp_path_factory.mktemp("cad")
    for name, low in zip(CLASSES, (0.8, 0.2), strict=True):
        (root / name).mkdir()
        for number in range(1, 5):
            body, lid = trimesh.creation.box((low, 0.5, 1)), trimesh.creation.box((low, 0.5, 0.1))
            lid.apply_translation((0, 0, 0.7))
            mesh = trimesh.util.concatenate([body, lid])
            mesh.apply_scale(number * 10).apply_translation((7, 0, 0)).export(root / name / f"{number:02d}.off")
        body.export(root / name / "01_surf.off")
    return root


@pytest.fixture(scope="module")
def settings(models: Path) -> GeneratorSettings:
    return GeneratorSettings(
        classes=CLASSES,
        train_per_class=3,
        test_per_class=2,
        ood_per_class=1,
        image_size=(48, 48),
        focal=187.5,
        levels=(2,),
        nuisances=("shape", "pose"),
        models=str(models),
    )


def test_shapes_are_centred_and_their_parts_have_materials(models: Path) -> None:
    shape = load_shape(models / "crate/02.off")
    low, high = shape.vertices.min(axis=0), shape.vertices.max(axis=0)
    assert (high - low).max() == pytest.approx(1) and low + high == pytest.approx(0)
    assert np.bincount(shape.face_roles).tolist() == [12, 12]


def test_test_images_show_models_that_training_never_shows(models: Path, settings: GeneratorSettings) -> None:
    train, test = split_models(models / "crate", 1 / 3)
    assert [p.name for p in train] == ["01.off", "02.off"] and [p.name for p in test] == ["03.off", "04.off"]
    assert split_models(models / "crate", 0.99)[0] == train[:1]
    assert len(Models(settings).models("crate")) == 2


def test_the_tree_is_read_as_pascal3d_and_the_same_again(tmp_path: Path, settings: GeneratorSettings) -> None:
    for name in ("a", "b"):
        generate(tmp_path / name, settings)
    assert sha256_tree(tmp_path / "a") == sha256_tree(tmp_path / "b")
    reader = make_reader(tmp_path / "a", CLASSES, {"layout": "pascal3d"})
    samples = reader.samples("train")
    assert len(samples) == 6 and len(list((tmp_path / "a/pascal3d/CAD/crate").iterdir())) == 2
    row = prepare_sample(samples[0], reader=reader, frame=Frame((48, 48), 187.5), partition="train")
    assert row.class_name == "crate" and 4.5 <= row.distance <= 5.6
    assert {read_annotation(s.annotation).cad_index for s in reader.samples("test")} == {0}
    for test_set in ({"layout": "occluded-pascal3d", "level": 2}, {"layout": "ood-cv", "nuisance": "shape"}):
        assert len(make_reader(tmp_path / "a", CLASSES, test_set).samples("test")) in (2, 4)


def test_azimuths_follow_measured_weights(settings: GeneratorSettings, tmp_path: Path) -> None:
    front = replace(settings, azimuths=(1.0, 0.0, 0.0, 1.0), train_per_class=8)
    generate(tmp_path / "a", front)
    found = [read_annotation(path).azimuth for path in (tmp_path / "a/pascal3d/Annotations").rglob("*train*.mat")]
    assert len(found) == 16 and all(np.cos(azimuth) > 0 for azimuth in found)
    with pytest.raises(ValueError, match="azimuths"):
        replace(settings, azimuths=(0.0, 0.0))


def test_a_class_without_models_or_a_model_without_surface_is_named(
    settings: GeneratorSettings, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="kite CAD models"):
        generate(tmp_path / "a", replace(settings, classes=("kite",)))
    (tmp_path / "cad/flat").mkdir(parents=True)
    (tmp_path / "cad/flat/01.off").write_text("OFF\n3 0 0\n0 0 0\n1 0 0\n0 1 0\n")
    with pytest.raises(InputError, match="has no surface"):
        generate(tmp_path / "a", replace(settings, classes=("flat",), models=str(tmp_path / "cad")))
