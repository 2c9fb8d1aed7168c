"""AANets: adaptive aggregation networks (Liu et al., CVPR 2021) on top of LUCIR."""

from dataclasses import replace

from meshcil.config.methods.aanet import Settings
from meshcil.core.errors import InputError
from meshcil.methods.base.method import Phase
from meshcil.methods.lucir import Learner as Lucir
from meshcil.models.aggregation import AggregatedBackbone
from meshcil.models.chain import Backbone


class Learner(Lucir):
    """After the first step a stable branch runs beside the plastic one; the classifier reads the mixture."""

    settings: Settings

    def build_backbone(self) -> Backbone:
        """The configured backbone, which can be doubled. Raises InputError when it is not a chain of layers."""
        try:
            return AggregatedBackbone(super().build_backbone(), self.settings.mixing)
        except ValueError as error:
            raise InputError("backbone", str(error), "Name a chain of layers, e.g. cifar-resnet-cosine") from error

    def begin_step(self, step: int) -> None:
        """Copy the network as teacher, grow the head, and after the first step double the backbone."""
        super().begin_step(step)
        self._double()

    def prepare_network(self, seen: int) -> None:
        """Head and branches of the state that is being loaded."""
        super().prepare_network(seen)
        self._double()

    def _double(self) -> None:
        if self.step > 0 and self.network.backbone.stable is None:
            self.network.backbone.add_stable_branch()

    def phases(self) -> list[Phase]:
        """Both branches and the classifier; then, where asked for, the shares of the branches on a balanced set."""
        mixing = self.network.backbone.mixing
        phases = super().phases()
        if mixing is None:
            return phases
        others = [replace(p, parameters=tuple(q for q in p.parameters if q is not mixing)) for p in phases]
        if not self.settings.mixing_epochs:
            return others
        epochs, lr = self.settings.mixing_epochs, self.settings.mixing_lr
        return [*others, replace(others[0], name="mixing", parameters=(mixing,), epochs=epochs, lr=lr, balanced=True)]
