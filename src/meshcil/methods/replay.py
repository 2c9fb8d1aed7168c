"""replay: new images and exemplars under one cross-entropy (experience replay)."""

from meshcil.methods.base.classifier import IncrementalClassifier


class Learner(IncrementalClassifier):
    """Exemplars are the only defence against forgetting."""
