"""Settings of MEMO."""

from pydantic import Field

from meshcil.config.classifier import ExpandableSettings


class Settings(ExpandableSettings):
    """A shared generalised part and, for each step, a specialised one."""

    specialised: int = Field(1, ge=1)
    """Stages at the end of the backbone that each step has for itself; 2 is MEMO-2."""
    train_specialised: bool = False
    """Train the earlier steps' own stages on too, instead of keeping them as their steps left them."""
    train_generalised: bool = True
    """Train the shared part after the first step too; set it to false where the first step has many classes, as
    `memo-cifar-b50` does."""
