"""The stated bound of memory holds, and it is used."""

from collections.abc import Callable

import pytest
import torch

from meshcil.geometry import CuboidMesh, Mesh, TriangleMesh
from meshcil.inference import CLASSIFIERS, classify, estimate_pose, infer, refinement, similarity
from meshcil.inference.refinement import REFINEMENT_BYTES, PackedSimilarity
from meshcil.inference.similarity import best_similarity, map_columns, own_modes, relative_similarity
from meshcil.inference.start_search import start_grid
from tests.inference.memory import peak_bytes
from tests.inference.scenes import Scene, make_scene

BOUND, PASSING, REST = 2_500_000, 2**16, 2**18


@pytest.fixture(autouse=True)
def _little_in_passing(monkeypatch: pytest.MonkeyPatch) -> None:
    """What does not grow with the images must not hide what does."""
    monkeypatch.setitem(similarity._CACHE_BYTES, "cpu", PASSING)


@pytest.fixture(scope="module")
def scene() -> Scene:
    return make_scene(images=12, dtype=torch.float32, size=32)


def shared(scene: Scene, bound: int) -> object:
    rest = (scene.meshes[2], scene.bank[2], scene.background, scene.camera)
    return estimate_pose(scene.feature_map, *rest, steps=2, max_bytes=bound)


def own(scene: Scene, bound: int) -> object:
    rest = ([scene.meshes[c] for c in scene.label], scene.bank[scene.label], scene.background, scene.camera)
    return estimate_pose(scene.feature_map, *rest, steps=2, max_bytes=bound)


def inferred(scene: Scene, bound: int) -> object:
    rest = (scene.meshes, scene.bank, scene.valid, scene.background, scene.camera)
    return infer(scene.feature_map, *rest, classifier="render-and-compare", steps=2, max_bytes=bound)


def classified(scene: Scene, bound: int) -> object:
    rest = (scene.bank, scene.valid, scene.background)
    options = {"classifier": "render-and-compare", "meshes": scene.meshes, "camera": scene.camera}
    return classify(scene.feature_map, *rest, **options, max_bytes=bound)


@pytest.mark.parametrize("call", [shared, own, inferred, classified])
def test_memory_stays_within_the_bound(call: Callable[[Scene, int], object], scene: Scene) -> None:
    call(scene, 2**40)
    bounded = peak_bytes(lambda: call(scene, BOUND))
    assert bounded <= BOUND + PASSING + REST
    # Neither ignored nor so careful that images are worked on one by one.
    assert peak_bytes(lambda: call(scene, 2**40)) > 2 * BOUND
    assert bounded > BOUND / 3


@pytest.mark.parametrize("form", ["per-cell", "mean"])
def test_forms_that_look_at_cells_alone_stay_within_the_bound(form: str, scene: Scene) -> None:
    bank, valid = scene.bank.repeat(20, 1, 1), scene.valid.repeat(20, 1)

    def call(bound: int) -> object:
        return classify(scene.feature_map, bank, valid, scene.background, classifier=form, max_bytes=bound)

    assert peak_bytes(lambda: call(BOUND)) <= BOUND + PASSING + REST


@pytest.mark.parametrize("form", CLASSIFIERS)
def test_all_similarities_are_never_held_at_once(form: str) -> None:
    scene = make_scene(images=4, dtype=torch.float32)
    bank, valid = scene.bank.repeat(20, 1, 1), scene.valid.repeat(20, 1)
    options = {"classifier": form, "meshes": scene.meshes * 20, "camera": scene.camera}

    def call() -> object:
        return classify(scene.feature_map, bank, valid, scene.background, **options)

    call()
    everything = 4 * 4 * bank.shape[0] * bank.shape[1] * 16 * 16
    assert peak_bytes(call) < everything / 20


def test_the_start_search_passes_over_its_poses() -> None:
    scene = make_scene(images=12, dtype=torch.float32, size=24)
    mesh, columns = scene.meshes[2], map_columns(scene.feature_map)
    background = best_similarity(columns, scene.background)
    table = relative_similarity(columns, background, scene.bank[2, : len(mesh.vertices)])
    grid = start_grid(mesh, scene.camera, 5.0, torch.float32, table.device)
    rendered = len(grid.cell) * 12 * table.element_size()
    assert rendered > 8 * PASSING
    # The rendered values of some poses, and what adds them up.
    assert peak_bytes(lambda: grid.gain(table, background)) < 4 * PASSING


@pytest.mark.parametrize("general", [False, True])
def test_a_step_of_refinement_takes_what_is_stated(general: bool) -> None:
    """From inside a room every cell sees the mesh."""
    scene, images = make_scene(images=1, size=40), 6
    room: Mesh = CuboidMesh.from_bounds(torch.tensor([[-9.0, 9.0]] * 3), 60)
    if general:
        room = TriangleMesh(room.vertices, room.faces)
    cells = 40 * 40
    order = torch.arange(images)
    values = torch.rand(len(room.vertices) * cells * images, generator=torch.Generator().manual_seed(0))
    width = torch.full((images,), images)
    table = PackedSimilarity(values, order, cells * width, width)
    pose = torch.full((images, 3), 0.1)

    def call() -> object:
        with own_modes(pose.device):
            return refinement.refine(table, [room] * images, pose, 5.0, scene.camera, steps=2)

    call()
    stated = REFINEMENT_BYTES * cells * images
    assert 0.6 * stated < peak_bytes(call) <= stated
