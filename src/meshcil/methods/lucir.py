"""LUCIR: learning a unified classifier incrementally via rebalancing (Hou et al., CVPR 2019)."""

from meshcil.config.methods.lucir import Settings
from meshcil.methods.base.rebalancing import RebalancingMethod


class Learner(RebalancingMethod):
    """A cosine classifier, trained with the rebalancing losses."""

    settings: Settings
