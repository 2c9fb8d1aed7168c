"""Settings of LUCIR."""

from meshcil.config.classifier import RebalancingSettings


class Settings(RebalancingSettings):
    """Cosine classifier, distillation of features, margin between old and new classes."""
