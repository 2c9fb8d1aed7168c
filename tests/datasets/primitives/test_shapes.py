import numpy as np
import pytest

from meshcil.datasets.primitives.shapes import CLASSES, build, cad_tables, known_instance, palette, unusual_instance
from meshcil.datasets.primitives.subtypes import DEFAULTS, KNOWN, UNUSUAL

SUBTYPES = [(c, n, t) for group in (KNOWN, UNUSUAL) for c in CLASSES for n, t in group[c].items()]


def centroid_y(shape, role):
    faces = shape.faces[shape.face_roles == shape.roles.index(role)]
    return shape.vertices[faces].mean(axis=(0, 1))[1]


def test_every_class_has_several_subtypes_and_unusual_ones():
    assert set(KNOWN) == set(UNUSUAL) == set(DEFAULTS) == set(CLASSES)
    for class_name in CLASSES:
        assert len(KNOWN[class_name]) >= 3
        assert not set(KNOWN[class_name]) & set(UNUSUAL[class_name])
        assert len(UNUSUAL[class_name]) >= 3


@pytest.mark.parametrize(("class_name", "name", "table"), SUBTYPES, ids=[f"{c}-{n}" for c, n, _ in SUBTYPES])
def test_subtype_is_normalised_and_names_only_known_proportions(class_name, name, table):
    assert set(table) <= set(DEFAULTS[class_name])
    shape = build(class_name, DEFAULTS[class_name] | table)
    low, high = shape.vertices.min(axis=0), shape.vertices.max(axis=0)
    assert (high - low).max() == pytest.approx(1.0)
    assert low + high == pytest.approx([0, 0, 0], abs=1e-12)
    assert shape.faces.min() >= 0
    assert shape.faces.max() < len(shape.vertices)
    assert np.isfinite(shape.vertices).all()
    assert len(shape.face_roles) == len(shape.faces)


@pytest.mark.parametrize("class_name", ["bus", "car", "train", "motorbike"])
def test_headlights_are_in_front_and_tail_lights_behind(class_name):
    for table in KNOWN[class_name].values():
        shape = build(class_name, DEFAULTS[class_name] | table)
        if "light" in shape.roles and "signal" in shape.roles and not table.get("steam"):
            assert centroid_y(shape, "light") < -0.2
            assert centroid_y(shape, "signal") > 0.2


@pytest.mark.parametrize(("class_name", "role"), [("bottle", "label"), ("tvmonitor", "screen"), ("sofa", "accent")])
def test_things_in_a_house_face_the_front(class_name, role):
    for table in KNOWN[class_name].values():
        shape = build(class_name, DEFAULTS[class_name] | table)
        assert centroid_y(shape, role) < centroid_y(shape, "body" if class_name != "tvmonitor" else "trim")


@pytest.mark.parametrize("class_name", ["aeroplane", "bus", "car", "train"])
def test_vehicles_are_left_right_symmetric(class_name):
    shape = build(class_name, DEFAULTS[class_name])
    cloud = {tuple(p) for p in (shape.vertices.round(6) + 0.0)}
    assert cloud == {tuple(p) for p in ((shape.vertices * [-1, 1, 1]).round(6) + 0.0)}


def test_instances_vary_about_their_cad_model():
    rng = np.random.default_rng(0)
    tables = cad_tables("car", rng)
    seen = set()
    for _ in range(40):
        shape, index = known_instance("car", tables, rng)
        seen.add(index)
        model = build("car", tables[index - 1])
        assert shape.faces.shape == model.faces.shape
        assert 0 < np.abs(shape.vertices - model.vertices).max() < 0.25
    assert seen == set(range(1, len(tables) + 1))


def test_palettes_are_colours_and_body_hues_are_free():
    rng = np.random.default_rng(1)
    bodies = []
    for _ in range(200):
        shape = unusual_instance("bus", rng)
        colours = palette(shape, rng)
        assert colours.shape == (len(shape.roles), 3)
        assert (colours >= 0).all()
        assert (colours <= 1).all()
        bodies.append(colours[shape.roles.index("body")])
    assert np.bincount(np.argmax(bodies, axis=1), minlength=3).min() > 30
