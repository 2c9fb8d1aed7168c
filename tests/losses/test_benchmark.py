"""What is compared in the benchmark of the contrastive loss."""

from benchmarks.contrastive import PROBLEMS
from meshcil.config.run import load_method
from tests.methods.factory import CONFIG


def test_the_embedded_default_has_the_sizes_of_the_method() -> None:
    method, problem = load_method("inemo", CONFIG), PROBLEMS["embedded default (12 classes)"]
    assert (problem.classes, problem.vertices) == (method.partitions, method.target_vertices)
    assert (problem.background, problem.dim) == (method.background_columns, method.dim)
