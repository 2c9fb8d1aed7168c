"""Kept verdicts (`docs/results`) for the page of other runs: a repository without any gives an empty table."""

from collections.abc import Collection, Sequence
from pathlib import Path

import pandas as pd

from meshcil.config.claims import ClaimsSettings
from meshcil.evaluation.contrast import UNMEASURED
from meshcil.reporting.kept import read_kept, together


def kept_claims(claims: Sequence[ClaimsSettings], results: Path, shown: Collection[str] = ()) -> pd.DataFrame:
    """Verdicts on the claims by kept scores.

    Args:
        claims: of all sources.
        results: folder of kept results; need not exist.
        shown: see `meshcil.config.claims.kept_claim_files`.

    Returns:
        Rows as `meshcil.reporting.kept.together` gives them, without claims that no experiment measured.

    Raises:
        InputError: when a kept file is missing or damaged.
    """
    kept = [one for one in (read_kept(results) if results.is_dir() else []) if one.name not in shown]
    rows = together(claims, kept)
    return rows[rows["verdict"] != UNMEASURED].reset_index(drop=True)
