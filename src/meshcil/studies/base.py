"""What a study gives back."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import torch


@dataclass(frozen=True)
class StudyContext:
    """Where and how a study runs."""

    name: str  # of its settings
    seed: int  # of all draws
    device: torch.device  # of all tensors
    checkpoint: Path  # path that begins the names of files a killed study continues from; the caller deletes them
    say: Callable[[str], None] = print  # prints a line of progress


@dataclass(frozen=True)
class StudyResult:
    """What a study found."""

    dataset: str  # that was used
    protocol: str  # how classes arrived
    evidence: pd.DataFrame  # raw answers, from which `scores_of` of the study's module computes the scores
    # scores that are no function of answers: step, test set, class name, metric, value, count
    rows: list[tuple[int, str, str, str, float, int]] = field(default_factory=list)


def tidy(name: str, kind: str, label: str, result: StudyResult, seed: int, measured: list[tuple]) -> pd.DataFrame:
    """Scores of a study in the columns of an experiment's scores; the study stands in the place of the method."""
    names: dict[str, Any] = {"dataset": result.dataset, "protocol": result.protocol, "method": name}
    names |= {"label": label, "budget": "none", "kind": kind, "seed": seed}
    rows = [
        {**names, "step": s, "test_set": t, "task": "", "class_name": c, "metric": m, "value": v, "count": n}
        for s, t, c, m, v, n in [*measured, *result.rows]
    ]
    return pd.DataFrame(rows)
