"""PODNet: pooled outputs distillation (Douillard et al., ECCV 2020)."""

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor, nn

from meshcil.config.methods.podnet import Settings
from meshcil.losses.pooled_outputs import direction_distillation, pooled_output_distillation
from meshcil.methods.base.proxies import ProxyMethod


class Learner(ProxyMethod):
    """Stage outputs keep their profiles along width and height, features their direction."""

    settings: Settings

    def balanced_part(self) -> nn.Module:
        """All layers, as the public code trains them."""
        return self.network

    def distilled(self, maps: Sequence[Tensor], taught: Sequence[Tensor]) -> dict[str, Float[Tensor, ""]]:
        """POD-spatial of the stages, POD-flat of the features (section 3.1)."""
        features, kept = (stages[-1].mean(dim=(2, 3)) for stages in (maps, taught))
        return {
            "spatial": self.settings.spatial_weight * pooled_output_distillation(maps, taught),
            "flat": self.settings.flat_weight * direction_distillation(features, kept),
        }
