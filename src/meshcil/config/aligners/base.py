"""Settings that aligners share, and how they are read by name."""

from pathlib import Path

from pydantic import Field

from meshcil.config.base import Label, Settings, load_by_kind
from meshcil.core.naming import load_object


class AlignerSettings(Settings):
    """What every aligner has. It is fitted after a step has trained and changes nothing of the method."""

    kind: str
    """Module of `meshcil.aligners`."""
    label: Label
    """Name in tables and figures."""
    description: str
    """One sentence for the report."""
    latents_per_image: int = Field(16, ge=1)
    """Latents drawn from an image that has several (map cells of a mesh model)."""
    threshold_share: float = Field(0.1, gt=0, lt=1)
    """Share of the step's new training images that the aligner does not learn from; with the exemplars they set the
    threshold and the direction of `energy-gate`."""


def aligner_settings(kind: str) -> type[AlignerSettings]:
    """Settings class of an aligner, by name."""
    return load_object("meshcil.config.aligners", kind, "Settings")


def load_aligner(path: Path) -> AlignerSettings:
    """Read and validate a file of `config/aligners` with the settings class that its `kind` names.

    Raises InputError when the file is missing, names no known kind, or does not validate.
    """
    return load_by_kind(aligner_settings, path, "eli")
