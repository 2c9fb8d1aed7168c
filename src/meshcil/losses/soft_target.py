"""Knowledge distillation of logits with a temperature."""

from jaxtyping import Float
from torch import Tensor


def soft_target_cross_entropy(
    logits: Float[Tensor, "B K"], teacher: Float[Tensor, "B K"], *, temperature: float
) -> Float[Tensor, ""]:
    """Cross-entropy of the student's softened distribution under the teacher's.

    ``-mean over the batch of sum_k softmax(t / T)_k log softmax(p / T)_k``, without a T^2 factor: the form of LwF,
    iCaRL and WA in the PyCIL toolbox; 0 when B is 0. It exceeds the KL divergence by the entropy of the teacher, so it
    does not vanish for equal logits; the gradients are the same. Raises ValueError when ``temperature`` is not
    positive.
    """
    if temperature <= 0:
        raise ValueError(f"temperature must be positive, got {temperature}")
    if logits.shape[0] == 0:
        return logits.sum()
    weight = (teacher.detach() / temperature).softmax(1)
    return -(weight * (logits / temperature).log_softmax(1)).sum(1).mean()
