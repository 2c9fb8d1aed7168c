"""What is compared in the benchmark of a training step, and how."""

import statistics

import pytest

from benchmarks import measuring, training_step
from meshcil.config.run import load_method
from tests.methods.factory import CONFIG


def test_the_embedded_case_has_the_sizes_of_the_method() -> None:
    method, sizes = load_method("inemo", CONFIG), training_step.SIZES["embedded data (12 classes)"]
    assert (sizes.batch, sizes.vertices, sizes.dim) == (
        method.training.batch_size,
        method.target_vertices,
        method.dim,
    )
    assert (sizes.classes, sizes.background) == (method.partitions, method.background_columns)
    assert sizes.neighbour_cells == method.losses.neighbour_cells


def test_forms_that_are_compared_are_repeated() -> None:
    assert all(sizes.repeats >= 5 for sizes in training_step.SIZES.values())
    assert training_step.GPU_REPEATS >= 5


def test_the_forms_take_turns_and_the_median_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    clock = iter(range(1000))

    def stepper(_sizes: object, _device: str, swapped: dict) -> object:
        name = "dense" if swapped else "ours"

        def step() -> float:
            order.append(name)
            if name == "ours" and order.count("ours") == 5:  # one slow spell
                for _ in range(100):
                    next(clock)
            return float(len(set(order)))

        return step

    monkeypatch.setattr(training_step, "stepper", stepper)
    monkeypatch.setattr(training_step, "extra_bytes", lambda _step, _device: 0)
    monkeypatch.setattr(measuring.time, "perf_counter", lambda: next(clock))
    sizes = training_step.Sizes(4, 4, (48, 48), 180.0, 60, 16, 40, 1.5, 5, z_buffer=False)
    row = training_step.compare(sizes, "cpu")
    assert order == ["ours", "ours", "dense", "dense"] * 3
    assert row["ours: first loss"] == 1 and row["dense losses: first loss"] == 2
    assert row["ours: seconds"] == row["dense losses: seconds"] == row["speedup over dense losses"] == 1
    found = measuring.in_turn({"a": lambda: next(clock)}, 3, summary=statistics.fmean)
    assert found == {"a": 2.0}
