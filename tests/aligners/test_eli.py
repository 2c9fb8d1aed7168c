"""The energy aligner: what it learns, when it stops, what it refuses."""

import pytest
import torch

from meshcil.aligners.base import LatentPairs
from meshcil.aligners.eli import EnergyNetwork, LatentAligner, ascend
from meshcil.aligners.gates import EnergyRule, LearnedRule
from meshcil.core.artifacts import load_state, save_state
from meshcil.core.errors import InputError
from tests.aligners.factory import CPU, displaced, settings
from tests.unwritten import filled_with_nan


def build(width: int = 4, step: int = 1, **changes: object) -> LatentAligner:
    return LatentAligner(settings(**changes), width, step, 0, CPU)


def fit(aligner: LatentAligner, pairs: LatentPairs, **options: object):
    return aligner.fit(pairs, torch.Generator().manual_seed(0), **options)


@pytest.mark.parametrize("layers", [0, 1, 3])
def test_gradient_is_that_of_autograd(layers: int) -> None:
    network = EnergyNetwork(5, layers, 8)
    latents = torch.randn(7, 5, generator=torch.Generator().manual_seed(1)).requires_grad_()
    expected = torch.autograd.grad(network(latents).sum(), latents)[0]
    torch.testing.assert_close(network.gradient(latents.detach()), expected)


@pytest.mark.parametrize("layers", [0, 1, 3])
def test_steps_in_the_hidden_layer_are_those_along_the_gradient(layers: int) -> None:
    network = EnergyNetwork(5, layers, 8)
    latents = torch.randn(7, 5, generator=torch.Generator().manual_seed(1))
    expected = latents
    for _ in range(6):
        expected = expected + 0.1 * network.gradient(expected)
    torch.testing.assert_close(ascend(network, latents, steps=6, step_size=0.1), expected)


def test_rows_ascend_independently_of_their_batch() -> None:
    network = EnergyNetwork(5, 2, 8)
    latents = torch.randn(6, 5, generator=torch.Generator().manual_seed(1))
    together = ascend(network, latents, steps=4, step_size=0.1)
    alone = torch.cat([ascend(network, row[None], steps=4, step_size=0.1) for row in latents])
    torch.testing.assert_close(together, alone)


def test_displaced_latents_move_back() -> None:
    aligner = build(iterations=200, lr=4e-3, ema=0.9)
    fit(aligner, displaced())
    test = displaced(seed=9)
    before = (test.current - test.previous).norm(dim=1).mean()
    after = (aligner.align(test.current) - test.previous).norm(dim=1).mean()
    assert after < 0.5 * before


def test_same_seed_gives_the_same_aligner_and_state_survives_the_disk(tmp_path) -> None:
    first, second, loaded = build(), build(), build()
    fit(first, displaced())
    with filled_with_nan():
        fit(second, displaced())
    for aligner in (first, second):
        aligner.energy_rule, aligner.learned_rule = EnergyRule(0.25, False), LearnedRule(torch.arange(4.0), -1.5)
    save_state(tmp_path / "a", first.state())
    save_state(tmp_path / "b", second.state())
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    loaded.load_state(load_state(tmp_path / "a"), "a")
    latents = displaced(seed=3).current
    assert torch.equal(loaded.align(latents), first.align(latents))
    assert loaded.energy_rule == first.energy_rule and loaded.learned_rule.bias == -1.5
    assert torch.equal(loaded.learned_rule.weight, first.learned_rule.weight)


def test_held_out_stopping_keeps_the_best_state() -> None:
    best = build(stopping="held-out", iterations=40, patience=100)
    values = iter([0.0, 0.1, 0.9, 0.2, 0.3, 0.3, 0.3, 0.3, 0.3])
    report = fit(best, displaced(), monitor=lambda aligner, iteration: next(values))
    assert report.iteration == 10
    exact = build(iterations=10)
    fit(exact, displaced())
    assert all(torch.equal(a, b) for a, b in zip(best.tensors().values(), exact.tensors().values(), strict=True))


def test_held_out_stopping_is_patient_for_as_long_as_asked() -> None:
    report = fit(
        build(stopping="held-out", iterations=100, patience=2), displaced(), monitor=lambda aligner, iteration: 1.0
    )
    assert report.rows[-1]["iteration"] == 10 and report.iteration == 0


def test_held_out_pairs_are_not_learned_from() -> None:
    pairs = displaced(10)
    seen: list[int] = []
    aligner = build(stopping="held-out", batch_size=50)
    train = aligner.train_batch
    aligner.train_batch = lambda part: (seen.append(len(part)), train(part))[1]
    fit(aligner, pairs)
    assert set(seen) == {8}


@pytest.mark.parametrize("poisoned", ["previous", "current"])
def test_non_finite_energies_stop_it_at_a_named_iteration_with_the_last_finite_state(poisoned: str) -> None:
    aligner = build(iterations=50)
    good = displaced(32)
    fit(aligner, good)
    state = aligner.tensors()
    poison = torch.full_like(good.current, torch.inf)
    pairs = LatentPairs(**{"previous": good.previous, "current": good.current, poisoned: poison})
    report = fit(aligner, pairs)
    assert report.diverged_at == 1 and report.iteration == 0
    assert all(torch.equal(a, b) for a, b in zip(aligner.tensors().values(), state.values(), strict=True))


@pytest.mark.parametrize("iterations", [1, 500])
def test_an_exploding_fit_stops_and_what_it_keeps_gives_finite_energies(iterations: int) -> None:
    aligner = build(iterations=iterations, lr=1e30)
    start = aligner.tensors()
    report = fit(aligner, displaced())
    # The first update leaves finite parameters, whose energies are not.
    assert report.diverged_at == min(iterations, 2) and report.iteration == 0
    assert f"not finite at iteration {report.diverged_at}; the state of iteration 0 is kept" in report.outcome
    assert all(torch.equal(a, b) for a, b in zip(aligner.tensors().values(), start.values(), strict=True))
    latents = aligner.align(displaced(seed=5).current)
    assert bool(latents.isfinite().all() and aligner.negative_energy(latents).isfinite().all())


def test_a_fit_that_explodes_late_keeps_the_last_state_before(monkeypatch: pytest.MonkeyPatch) -> None:
    aligner, exact = build(iterations=50), build(iterations=7)
    train = aligner.train_batch

    def explode(pairs: LatentPairs) -> dict[str, float] | None:
        if aligner._updates == 7:
            aligner.optimizer.param_groups[0]["lr"] = 1e30
        return train(pairs)

    monkeypatch.setattr(aligner, "train_batch", explode)
    report = fit(aligner, displaced())
    assert (report.diverged_at, report.iteration) == (9, 7)
    fit(exact, displaced())
    assert all(torch.equal(a, b) for a, b in zip(aligner.tensors().values(), exact.tensors().values(), strict=True))


def test_a_look_that_finds_no_finite_latents_ends_the_fit() -> None:
    def monitor(aligner: LatentAligner, iteration: int) -> float:
        if iteration == 10:
            raise FloatingPointError
        return float(iteration)

    fixed = fit(build(iterations=40), displaced(), monitor=monitor)
    assert (fixed.diverged_at, fixed.iteration) == (10, 9)
    best = fit(build(iterations=40, stopping="held-out"), displaced(), monitor=monitor)
    assert (best.diverged_at, best.iteration) == (10, 5)


def test_non_finite_alignment_is_refused() -> None:
    with pytest.raises(FloatingPointError, match="not finite"):
        build().align(torch.full((1, 4), torch.inf))


def test_latents_of_another_width_are_refused() -> None:
    with pytest.raises(ValueError, match="width 4, the aligner's, not 5"):
        build().align(torch.zeros(2, 5))
    with pytest.raises(ValueError, match="width 4"):
        fit(build(), displaced(width=5))


@pytest.mark.parametrize(
    ("other", "message"),
    [({"width": 5}, "of width 4, but the model's have width 5"), ({"step": 2}, "after step 1, not after step 2")],
)
def test_an_aligner_of_another_model_or_step_is_refused(other: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        build(**other).load_state(build().state(), "aligner.safetensors")


def test_ledger_counts_what_is_stored() -> None:
    aligner = build()
    rows = aligner.ledger_rows()
    stored = sum(t.numel() * t.element_size() for t in aligner.state()["tensors"].values())
    assert sum(row.bytes for row in rows if row.deploy) == stored
    assert sum(row.bytes for row in rows if row.peak) == 4 * stored
