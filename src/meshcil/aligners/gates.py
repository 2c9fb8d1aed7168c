"""Gates: which images get the scores of their aligned latents.

At test time nobody says whether an image shows an old class. ELI's published protocol aligns exactly the images whose
true class is old; here that is the gate `task-oracle`. Two further gates are told the same and use it in full, with and
without alignment; no other gate is ever given the true tasks.
"""

import math
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from meshcil.config.gates import CONTROL, GATES, ORACLE_GATES, RESTRICTED


@dataclass(frozen=True)
class EnergyRule:
    """Which side of a threshold speaks for an old class.

    Training lowers g on the present model's latents of new images, so small g should mean new. That is found from
    images, not taken for granted.
    """

    threshold: float = math.nan  # of g; NaN where g tells nothing, so that no image is old
    old_above: bool = True  # whether g above the threshold speaks for an old class, or g below it

    def says_old(self, negative_energy: Float[Tensor, " n"]) -> Bool[Tensor, " n"]:
        """Whether g speaks for an old class."""
        return negative_energy > self.threshold if self.old_above else negative_energy < self.threshold


@dataclass(frozen=True)
class LearnedRule:
    """A linear classifier of latents into old and new: what ELI's authors propose where nobody tells the task."""

    weight: Float[Tensor, " D"]  # float32 [D]
    # of the same; minus infinity where there was nothing to learn from, so that no image is old
    bias: float = -math.inf

    def says_old(self, latents: Float[Tensor, "n D"]) -> Bool[Tensor, " n"]:
        """Whether latents (of an image with several: their mean) look like those of old classes."""
        return latents @ self.weight + self.bias > 0


def state_of(energy: EnergyRule, learned: LearnedRule) -> dict[str, Any]:
    """Tensors that hold both rules."""
    return {
        "energy": torch.tensor([energy.threshold, float(energy.old_above)], dtype=torch.float64),
        "learned": learned.weight,
        "bias": torch.tensor(learned.bias, dtype=torch.float64),
    }


def rules_from(state: dict[str, Any]) -> tuple[EnergyRule, LearnedRule]:
    """Inverse of `state_of`."""
    threshold, above = state["energy"].tolist()
    return EnergyRule(threshold, bool(above)), LearnedRule(state["learned"], float(state["bias"]))


def apply_gate(
    gate: str,
    plain: Float[Tensor, "n C"],
    aligned: Float[Tensor, "n C"],
    *,
    old: int,
    energy_says_old: Bool[Tensor, " n"],
    learned_says_old: Bool[Tensor, " n"],
    true_old: Bool[Tensor, " n"] | None = None,
    background: bool = False,
) -> Float[Tensor, "n C"]:
    """Logits of each image under one of the `GATES`, from those of its unaligned and of its aligned latents.

    - `task-oracle`: aligned where the true class is old (as published).
    - `task-oracle-restricted`: the same, and images of old classes may only be given old classes.
    - `oracle-without-alignment`: nothing is aligned, but images of old classes may only be given old classes: what
      the identity of the task is worth by itself, and what `task-oracle-restricted` is to be compared with.
    - `align-all`: always aligned.
    - `pred-gate`: aligned where the unaligned prediction is an old class.
    - `energy-gate`: aligned where g of the unaligned latent speaks for an old class (`fit_energy_rule`).
    - `learned-gate`: aligned where a linear classifier takes the unaligned latent for an old one (`fit_learned_rule`).
    - `max-conf`: whichever has the larger softmax maximum.

    Labels below ``old`` are classes of earlier steps; the oracle gates, and no others, get ``true_old``.
    ``background``: the last column is the background of a detector, neither old nor new. Raises ValueError for an
    unknown gate, an oracle gate without ``true_old``, or another gate with it.
    """
    if gate not in GATES:
        raise ValueError(f"gate must be one of {', '.join(GATES)}, not {gate!r}")
    if (gate in ORACLE_GATES) != (true_old is not None):
        raise ValueError(f"true_old must be given for {', '.join(ORACLE_GATES)}, and for no other gate ({gate})")
    if gate in (RESTRICTED, CONTROL):
        forbidden = torch.arange(plain.shape[1], device=plain.device) >= old
        forbidden[-1] &= not background
        plain, aligned = (logits.masked_fill(true_old[:, None] & forbidden, -torch.inf) for logits in (plain, aligned))
    if gate == CONTROL:
        return plain
    if gate in ("task-oracle", RESTRICTED):
        chosen = true_old
    elif gate == "align-all":
        chosen = torch.ones(len(plain), dtype=torch.bool, device=plain.device)
    elif gate == "pred-gate":
        chosen = plain.argmax(dim=1) < old
    elif gate == "max-conf":
        chosen = aligned.softmax(dim=1).amax(dim=1) > plain.softmax(dim=1).amax(dim=1)
    else:
        chosen = energy_says_old if gate == "energy-gate" else learned_says_old
    return torch.where(chosen[:, None], aligned, plain)


def fit_energy_rule(old: Float[Tensor, " n"], new: Float[Tensor, " m"]) -> EnergyRule:
    """The threshold of g, and the side of it that speaks for an old class, of best balanced accuracy.

    ``old`` is g of exemplars' latents, ``new`` g of latents of held-out training images of the present step. The rule
    takes no image for old when none is better than chance, or one side is empty.
    """
    if not len(old) or not len(new):
        return EnergyRule()
    values = torch.cat([old, new]).double().unique()
    candidates = (values[1:] + values[:-1]) / 2
    if not len(candidates):
        return EnergyRule()
    found, spared = ((side.double() > candidates[:, None]).double().mean(dim=1) for side in (old, new))
    above = (1 + found - spared) / 2  # balanced accuracy of "old above"; that of "old below" is 1 minus it
    best = int((above - 0.5).abs().argmax())
    if float(above[best]) == 0.5:
        return EnergyRule()
    return EnergyRule(float(candidates[best]), float(above[best]) > 0.5)


def fit_learned_rule(old: Float[Tensor, "n D"], new: Float[Tensor, "m D"]) -> LearnedRule:
    """Logistic regression on standardised latents, both sides weighing the same.

    ``old`` are latents of exemplars, ``new`` those of training images of the present step. The rule takes no image for
    old when one side is empty.
    """
    if not len(old) or not len(new):
        return LearnedRule(new.new_zeros(new.shape[1]))
    latents = torch.cat([old, new]).double().cpu()
    mean, spread = latents.mean(dim=0), latents.std(dim=0, correction=0).clamp(min=1e-6)
    labels = [1] * len(old) + [0] * len(new)
    model = LogisticRegression(class_weight="balanced", max_iter=1000)
    model.fit(((latents - mean) / spread).numpy(), labels)
    weight = torch.from_numpy(model.coef_[0]) / spread
    return LearnedRule(weight.to(new), float(model.intercept_[0]) - float(weight @ mean))
