"""Gates: which images get the scores of their aligned latents.

At test time nobody says whether an image shows an old class. ELI's published protocol aligns exactly the images whose
true class is old; here that is the gate `task-oracle`. Two further gates are told the same and use it in full, with and
without alignment; no other gate is ever given the true tasks.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from meshcil.config.gates import CONTROL, GATES, ORACLE_GATES, RESTRICTED


def apply_gate(
    gate: str,
    plain: Float[Tensor, "n C"],
    aligned: Float[Tensor, "n C"],
    *,
    old: int,
    negative_energy: Float[Tensor, " n"],
    threshold: float,
    true_old: Bool[Tensor, " n"] | None = None,
    background: bool = False,
) -> Float[Tensor, "n C"]:
    """Logits of each image under a gate.

    - `task-oracle`: aligned where the true class is old (as published).
    - `task-oracle-restricted`: the same, and images of old classes may only be given old classes.
    - `oracle-without-alignment`: nothing is aligned, but images of old classes may only be given old classes: what
      the identity of the task is worth by itself, and what `task-oracle-restricted` is to be compared with.
    - `align-all`: always aligned.
    - `pred-gate`: aligned where the unaligned prediction is an old class.
    - `energy-gate`: aligned where g of the unaligned latent is below a threshold (`fit_threshold`).
    - `max-conf`: whichever has the larger softmax maximum.

    Args:
        gate: one of `GATES`.
        plain: logits of unaligned latents.
        aligned: logits of aligned latents.
        old: number of classes of earlier steps; labels below it are old.
        negative_energy: g of the unaligned latents.
        threshold: of `energy-gate`.
        true_old: whether the true class is old; for the oracle gates only.
        background: the last column is the background of a detector, neither old nor new.

    Raises:
        ValueError: an unknown gate, an oracle gate without ``true_old``, or another gate with it.
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
    elif gate == "energy-gate":
        chosen = negative_energy < threshold
    else:
        chosen = aligned.softmax(dim=1).amax(dim=1) > plain.softmax(dim=1).amax(dim=1)
    return torch.where(chosen[:, None], aligned, plain)


def fit_threshold(old: Float[Tensor, " n"], new: Float[Tensor, " m"]) -> float:
    """Threshold below which g speaks for an old class: the one of best balanced accuracy.

    Args:
        old: g of exemplars' latents.
        new: g of latents of held-out training images of the present step.

    Returns:
        The threshold; minus infinity (nothing is old) when none is better than chance, or one side is empty.
    """
    if not len(old) or not len(new):
        return float("-inf")
    values = torch.cat([old, new]).double().unique()
    candidates = torch.cat([(values[1:] + values[:-1]) / 2, values[-1:] + 1])
    found = (old.double() < candidates[:, None]).double().mean(dim=1)
    spared = (new.double() >= candidates[:, None]).double().mean(dim=1)
    balanced = (found + spared) / 2
    best = int(balanced.argmax())
    return float(candidates[best]) if float(balanced[best]) > 0.5 else float("-inf")
