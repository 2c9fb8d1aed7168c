"""Claims of the papers as settings: which scores decide them, and what was published."""

from collections.abc import Collection
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from meshcil.config.base import Address, Name, Settings, check_columns, load_settings
from meshcil.core.errors import InputError

_COLUMNS = ("dataset", "protocol", "kind", "method", "budget", "step", "task", "class_name")

SCORES, PROVENANCE = "scores.csv", "provenance.json"
"""Of kept results (`meshcil.reporting.kept`)."""
POINTS = "points"
"""Unit of a difference of fractions, given in percent."""


class Term(Settings):
    """One quantity of a contrast, a number per seed."""

    weight: float = 1.0
    """Factor in the contrast: 1 for what should be larger, -1 for what it is compared with."""
    metric: str
    """Metric of the scores."""
    test_set: str = "clean"
    """Test set of the scores; empty for ledgers."""
    of: str | None = None
    """Test set that the value is a share of, after `chance` has been taken from both: (value - chance) / (value on this
    test set - chance), e.g. what occlusion leaves. Points of accuracy shrink near the floor; shares do not."""
    chance: float = Field(0.0, ge=0, lt=1)
    """Accuracy of guessing, for `of`."""
    select: dict[str, tuple[str | int, ...]] = {}
    """Column of the scores (kind, method, budget, step, ...) -> allowed values, `*` for any characters (`bytes-*`).
    Without mention the last step and, for `task` and `class_name`, the value over all images."""
    exclude: dict[str, tuple[str | int, ...]] = {}
    """Likewise the values that are left out: so a term takes in methods that are added later."""
    over: Literal["mean", "max", "best"] = "mean"
    """What becomes of several rows of a seed: their mean, the largest, or those of the `best` method, which has the
    largest mean over seeds."""

    @model_validator(mode="after")
    def _check_columns(self) -> "Term":
        check_columns([*self.select, *self.exclude], _COLUMNS)
        return self


class Claim(Settings):
    """A statement of a paper: a contrast of scores that must be above zero."""

    name: Name
    """Unique over all files."""
    statement: str
    """What is claimed, as one sentence."""
    where: str
    """Section, table or figure of the source."""
    published: str
    """What the source reports for it."""
    terms: tuple[Term, ...] = ()
    """The contrast is their weighted sum; without any, the pipeline has no measurement for the claim yet."""
    by: tuple[Literal["budget", "method"], ...] = ()
    """Columns, besides dataset and protocol, for each value of which the claim is judged by itself."""
    unit: str = POINTS
    """Fractions as percent `points`, or the name of the quantity whose numbers are taken as they are."""
    bound: float | None = Field(None, gt=0)
    """Size in this unit below which a difference does not matter, chosen before it is measured: an interval around zero
    that is narrower says that there is no such difference. Never said when absent."""
    floor: float | None = None
    """What guessing gives: a claim is not decided where either side of the contrast is no better."""
    same_as: str | None = None
    """Claim that rests on the same contrast: this one is shown and not counted again."""


class ClaimsSettings(Settings):
    """`config/claims/<name>.yaml`: the claims of one source."""

    source: str
    """Paper, as it is cited."""
    url: Address
    """Where to read it."""
    claims: tuple[Claim, ...] = Field(min_length=1)
    """In the report's order."""


def claim_files(config: Path) -> list[Path]:
    """Files with claims, by name."""
    return sorted((config / "claims").glob("*.yaml"))


def kept_claim_files(results: Path, shown: Collection[str] = ()) -> list[Path]:
    """Files that kept verdicts are made from, by name; none without the folder ``results``.

    Args:
        results: folder of kept results.
        shown: experiments of the page itself. What is kept of them is left out: it was made from that very page, which
            would else have to be made again after each export.
    """
    found = (path for name in (SCORES, PROVENANCE) for path in results.glob(f"*/{name}"))
    return sorted(path for path in found if path.parent.name not in shown)


def load_claims(config: Path) -> list[ClaimsSettings]:
    """Read all files with claims. Raises InputError when a file is wrong, or two claims have the same name."""
    found = []
    names: dict[str, Path] = {}
    for path in claim_files(config):
        found.append(load_settings(ClaimsSettings, path))
        for claim in found[-1].claims:
            if claim.name in names:
                raise InputError(path, f"claim `{claim.name}` is also in {names[claim.name]}", "Rename one of the two")
            names[claim.name] = path
    for claim in (claim for block in found for claim in block.claims):
        if claim.same_as is not None and claim.same_as not in names:
            raise InputError(names[claim.name], f"`same_as` {claim.same_as} is not a claim", "Name one of the claims")
    return found
