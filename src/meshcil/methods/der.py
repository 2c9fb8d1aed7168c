"""DER: dynamically expandable representation (Yan et al. 2021), without pruning, as in MEMO's comparison."""

from torch import nn

from meshcil.methods.base.expandable import ExpandableMethod
from meshcil.models.expandable import ExpandableBackbone


class Learner(ExpandableMethod):
    """Each step has a whole backbone, begun as a copy of the one before."""

    def build_expandable(self) -> ExpandableBackbone:
        """Nothing shared."""
        whole = self.build_backbone()
        return ExpandableBackbone(
            nn.Identity(), whole, stride=whole.stride, channels=whole.channels, freeze_shared=False
        )
