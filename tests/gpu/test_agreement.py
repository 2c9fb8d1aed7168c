"""What runs on a GPU gives what the CPU gives, and the same again: `make test-gpu`."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn.functional import normalize

from meshcil.aligners.base import LatentPairs
from meshcil.aligners.eli import LatentAligner
from meshcil.core.artifacts import load_state, save_state
from meshcil.core.naming import available
from meshcil.geometry import pose_error
from meshcil.inference.prediction import infer
from meshcil.losses.background_noise import noise
from meshcil.losses.contrastive import vertex_contrastive
from meshcil.losses.distillation import vertex_distillation
from meshcil.losses.etf_positional import positional
from meshcil.methods.base.method import Method, Prediction
from meshcil.rendering.visibility import observe_vertices
from meshcil.training.setup import choose_device
from tests.aligners.factory import displaced, settings
from tests.conformance.runs import TEST, choose, short, train
from tests.inference.scenes import Scene, make_scene

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
METHODS = available("meshcil.methods")
CPU = torch.device("cpu")


@pytest.fixture(scope="module", autouse=True)
def gpu() -> torch.device:
    """The GPU as the stages use it: nothing but deterministic kernels, or a warning, which is an error here."""
    return choose_device("cuda", 1)


def unit(*shape: int, seed: int) -> Tensor:
    values = torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return normalize(values, dim=-1)


LOSSES = {
    "contrastive": lambda to: partial(
        vertex_contrastive,
        target=to(torch.arange(40) * 7 % 200),
        bank=to(unit(5, 40, 16, seed=1)),
        valid=to(torch.ones(5, 40).bool()),
        background=to(unit(30, 16, seed=2)),
        kappa=14.0,
        background_weight=5e-3,
        excluded=to(torch.arange(40) % 40 > torch.arange(40)[:, None] + 30),
    ),
    "distillation": lambda to: partial(
        vertex_distillation,
        teacher=to(unit(40, 16, seed=3)),
        bank=to(unit(5, 40, 16, seed=1)),
        valid=to(torch.ones(5, 40).bool()),
        kappa=7.0,
    ),
    "positional": lambda to: partial(
        positional, classes=to(torch.arange(40) % 5), centroids=to(unit(5, 16, seed=4)), kappa=1.0
    ),
    "noise": lambda to: partial(noise, bank=to(unit(5, 40, 16, seed=1)), valid=to(torch.ones(5, 40).bool())),
}


@pytest.mark.parametrize("name", LOSSES)
def test_losses_and_their_gradients(name: str, gpu: torch.device) -> None:
    found = {}
    for device in (CPU, gpu):
        features = unit(40, 16, seed=0).to(device).requires_grad_()
        loss = LOSSES[name](lambda tensor, device=device: tensor.to(device))(features)
        loss.backward()
        found[device] = (loss.detach().cpu(), features.grad.cpu())
    torch.testing.assert_close(found[gpu], found[CPU])


def moved(scene: Scene, device: torch.device) -> Scene:
    """The scene on another device."""
    tensors = {name: value.to(device) for name, value in vars(scene).items() if isinstance(value, Tensor)}
    return replace(scene, **tensors, meshes=[mesh.to(device) for mesh in scene.meshes])


def test_visible_vertices(gpu: torch.device) -> None:
    views = {}
    for device in (CPU, gpu):
        scene = moved(make_scene(), device)
        meshes = [scene.meshes[c] for c in scene.label.tolist()]
        found = observe_vertices(meshes, scene.pose, scene.camera)
        views[device] = [value.cpu() for value in vars(found).values()]
    torch.testing.assert_close(views[gpu], views[CPU], equal_nan=True)


@pytest.mark.parametrize("classifier", ["per-cell", "mean", "render-and-compare"])
def test_classes_and_poses_of_a_scene(classifier: str, gpu: torch.device) -> None:
    found = {}
    for device in (CPU, gpu):
        s = moved(make_scene(), device)
        found[device] = infer(
            s.feature_map, s.meshes, s.bank, s.valid, s.background, s.camera, classifier=classifier, steps=30
        )
    ours, theirs = found[gpu], found[CPU]
    torch.testing.assert_close(ours.scores.cpu(), theirs.scores)
    assert torch.equal(ours.label.cpu(), theirs.label)
    # Adam divides by the size of the gradient, so that rounding shows where the gradient is all but zero.
    assert float(pose_error(ours.pose.cpu(), theirs.pose).rad2deg().median()) < 0.1
    assert float(pose_error(ours.pose.cpu(), theirs.pose).rad2deg().max()) < 2.0


@pytest.mark.parametrize("kind", METHODS)
def test_two_steps_train_to_the_same_bytes_and_answer_alike_on_the_cpu(
    kind: str, gpu: torch.device, tmp_path: Path
) -> None:
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        method, exemplars = short(kind, device=gpu), None
        for step in range(2):
            train(method, step, tmp_path / name, exemplars)
            exemplars = choose(method, step, exemplars)
            method.consolidate(exemplars)
        save_state(tmp_path / name / "state.safetensors", method.state())
    files = [tmp_path / name / "state.safetensors" for name in ("first", "second")]
    assert files[0].read_bytes() == files[1].read_bytes()

    again = short(kind, device=CPU)
    again.load_state(load_state(files[0]))
    again.consolidate(exemplars)
    there, here = answers(method), answers(again)
    # Convolutions on a GPU round to 10 bits of mantissa (TF32), and whole parts of the network to 8 (bfloat16).
    assert float((there.labels == here.labels).double().mean()) >= 0.9
    torch.testing.assert_close(there.scores, here.scores, rtol=0.05, atol=0.05)
    if here.poses is not None:
        assert float(pose_error(there.poses, here.poses).rad2deg().median()) < 15.0


def answers(method: Method) -> Prediction:
    """On the test images, moved to the CPU."""
    found = method.predict(next(TEST.batches(len(TEST), method.device)))
    poses = None if found.poses is None else found.poses.cpu()
    return Prediction(found.scores.cpu(), found.labels.cpu(), poses)


def test_an_aligner_moves_latents_back_and_goes_on_on_the_cpu(gpu: torch.device) -> None:
    block = settings(iterations=800, lr=1e-3, ema=0.9)
    there, here = (LatentAligner(block, 4, 1, 0, device) for device in (gpu, CPU))
    pairs, test = displaced(), displaced(seed=9)
    there.fit(LatentPairs(pairs.previous.to(gpu), pairs.current.to(gpu)), torch.Generator().manual_seed(0))
    aligned = there.align(test.current.to(gpu)).cpu()
    assert (aligned - test.previous).norm(dim=1).mean() < 0.5 * (test.current - test.previous).norm(dim=1).mean()
    here.load_state(there.state(), "the GPU's")
    torch.testing.assert_close(here.align(test.current), aligned, rtol=1e-3, atol=1e-3)
