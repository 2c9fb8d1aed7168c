"""Aligning latents with ELI: all samples of a batch ascend together, in the first layer's output."""

import torch

from benchmarks.measuring import devices, extra_bytes, seconds
from meshcil.aligners.eli import EnergyNetwork, ascend

SAMPLES, STEPS, STEP_SIZE, HIDDEN = 1024, 30, 0.1, 64
SHAPES = {"64 channels, 2 layers": (64, 2), "512 channels, 2 layers": (512, 2), "2048 channels, 1 layer": (2048, 1)}


def measure() -> dict[str, dict[str, object]]:
    """Seconds per sample, batched, one by one, and batched with a graph for every gradient, one thread."""
    threads = torch.get_num_threads()
    # As in the stage that predicts: its jobs run side by side, each on one thread.
    torch.set_num_threads(1)
    try:
        return {f"{name}, {device}": _measure(shape, device) for device in devices() for name, shape in SHAPES.items()}
    finally:
        torch.set_num_threads(threads)


def _measure(shape: tuple[int, int], device: str) -> dict[str, object]:
    width, layers = shape
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = EnergyNetwork(width, layers, HIDDEN).to(device).requires_grad_(False)
        latents = torch.randn(SAMPLES, width).to(device)

    def batched() -> None:
        ascend(network, latents, steps=STEPS, step_size=STEP_SIZE)

    def single() -> None:
        for row in latents[:32]:
            ascend(network, row[None], steps=STEPS, step_size=STEP_SIZE)

    def graph() -> None:
        moving = latents
        for _ in range(STEPS):
            moving = moving.detach().requires_grad_()
            moving = moving + STEP_SIZE * torch.autograd.grad(network(moving).sum(), moving)[0]

    return {
        "seconds per sample": seconds(batched, 5, device) / SAMPLES,
        "seconds per sample, one by one": seconds(single, 3, device) / 32,
        "seconds per sample, by autograd": seconds(graph, 5, device) / SAMPLES,
        "extra bytes, 1024 samples": extra_bytes(batched, device),
    }


if __name__ == "__main__":
    print(measure())
