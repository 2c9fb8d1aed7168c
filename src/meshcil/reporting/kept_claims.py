"""Kept verdicts (`docs/results`) for the page of other runs: a repository without any gives an empty table."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from meshcil.config.claims import ClaimsSettings
from meshcil.evaluation.contrast import UNMEASURED
from meshcil.reporting.claims import COLUMNS as JUDGED
from meshcil.reporting.kept import PROVENANCE, VERDICTS, definition, read_kept, together


def verdict_files(results: Path) -> list[Path]:
    """Files that kept verdicts are read from, by name; none without the folder ``results``."""
    return sorted(path for name in (VERDICTS, PROVENANCE) for path in results.glob(f"*/{name}"))


def kept_claims(claims: Sequence[ClaimsSettings], results: Path) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Kept verdicts on the claims as they are now, and the names of claims whose kept verdicts are left out.

    A claim that has got other terms since has no kept verdict any more: a page of new runs can do without it, whereas
    refusing it would keep those very runs from being shown.

    Args:
        claims: of all sources.
        results: folder of kept results; need not exist.

    Returns:
        Rows as `meshcil.reporting.kept.together` gives them, without claims that no experiment measured; names, sorted.

    Raises:
        InputError: when a kept file is missing or damaged.
    """
    kept, left_out = [], set()
    for one in read_kept(results) if results.is_dir() else []:
        now = {claim.name: definition(claim, one.methods) for block in claims for claim in block.claims}
        known = one.verdicts["claim"].map(now) == one.verdicts["definition"]
        left_out |= set(one.verdicts.loc[~known, "claim"])
        kept.append(replace(one, verdicts=one.verdicts[known]))
    if not any(len(one.verdicts) for one in kept):
        return pd.DataFrame(columns=[*JUDGED, "experiment"]), tuple(sorted(left_out))
    rows = together(claims, kept, results)
    return rows[rows["verdict"] != UNMEASURED].reset_index(drop=True), tuple(sorted(left_out))
