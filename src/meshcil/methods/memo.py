"""MEMO: memory-efficient expandable model (Zhou et al., ICLR 2023): only the last stages are there once per step."""

from meshcil.config.methods.memo import Settings
from meshcil.core.errors import InputError
from meshcil.methods.base.expandable import ExpandableMethod
from meshcil.models.chain import cut
from meshcil.models.expandable import ExpandableBackbone


class Learner(ExpandableMethod):
    """Shallow layers serve all steps; deep ones, which differ most between steps, are kept for each (section 4)."""

    settings: Settings

    def build_expandable(self) -> ExpandableBackbone:
        """The backbone, cut before its specialised stages."""
        whole = self.build_backbone()
        try:
            shared, specialised = cut(whole, self.settings.specialised)
        except ValueError as error:
            raise InputError("specialised", str(error), "Name a backbone with that many stages, or fewer") from error
        return ExpandableBackbone(
            shared,
            specialised,
            stride=whole.stride,
            channels=whole.channels,
            freeze_shared=not self.settings.train_generalised,
            freeze_parts=not self.settings.train_specialised,
        )
