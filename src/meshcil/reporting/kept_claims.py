"""Kept verdicts (`docs/results`) for the page of other runs: a repository without any gives an empty table."""

from collections.abc import Collection, Sequence
from pathlib import Path

import pandas as pd

from meshcil.config.claims import ClaimsSettings
from meshcil.evaluation.contrast import UNMEASURED
from meshcil.reporting.kept import PROVENANCE, SCORES, read_kept, together


def kept_claim_files(results: Path, shown: Collection[str] = ()) -> list[Path]:
    """Files that kept verdicts are made from, by name; none without the folder ``results``.

    Args:
        results: folder of kept results.
        shown: experiments of the page itself. What is kept of them is left out: it was made from that very page, which
            would else have to be made again after each export.
    """
    found = (path for name in (SCORES, PROVENANCE) for path in results.glob(f"*/{name}"))
    return sorted(path for path in found if path.parent.name not in shown)


def kept_claims(claims: Sequence[ClaimsSettings], results: Path, shown: Collection[str] = ()) -> pd.DataFrame:
    """Verdicts on the claims by kept scores.

    Args:
        claims: of all sources.
        results: folder of kept results; need not exist.
        shown: see `kept_claim_files`.

    Returns:
        Rows as `meshcil.reporting.kept.together` gives them, without claims that no experiment measured.

    Raises:
        InputError: when a kept file is missing or damaged.
    """
    kept = [one for one in (read_kept(results) if results.is_dir() else []) if one.name not in shown]
    rows = together(claims, kept)
    return rows[rows["verdict"] != UNMEASURED].reset_index(drop=True)
