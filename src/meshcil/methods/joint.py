"""joint: each step trains from scratch on all images of all seen classes (a reference)."""

from meshcil.methods.base.classifier import IncrementalClassifier


class Learner(IncrementalClassifier):
    """Not an incremental method: it needs all data at every step."""

    trains_on_all_data = True

    def begin_step(self, step: int) -> None:
        """Start again from the initial weights."""
        self.network = self.initial_network()
        super().begin_step(step)
