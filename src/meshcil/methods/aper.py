"""APER: adapt and merge (Zhou et al., IJCV 2024), with all of the network adapted in the first step.

The nearest class mean by cosine, as SimpleCIL, on the features of the network as it was loaded beside those of the
adapted one.
"""

from meshcil.config.methods.aper import Settings
from meshcil.methods.base.classifier import ImageClassifier
from meshcil.methods.simplecil import Learner as SimpleCil
from meshcil.models.chain import Backbone
from meshcil.models.paired import PairedBackbone, SecondHalfLinear


class Learner(SimpleCil):
    """What adapting forgets of the loaded network, its frozen copy still knows."""

    settings: Settings

    def build_backbone(self) -> Backbone:
        """The configured backbone beside a copy that stays as it is loaded."""
        return PairedBackbone(super().build_backbone())

    def build_network(self) -> ImageClassifier:
        """The linear head of the first step reads the adapted network alone, as published."""
        network = super().build_network()
        network.head = SecondHalfLinear(network.backbone.channels // 2)
        return network

    @property
    def head_width(self) -> int:
        """Channels of the adapted network."""
        return self.network.backbone.channels // 2
