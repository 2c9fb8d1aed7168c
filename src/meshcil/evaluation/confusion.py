"""Which class is taken for which."""

from collections.abc import Sequence

import pandas as pd


def confusion_matrix(true: Sequence[str], predicted: Sequence[str], classes: Sequence[str]) -> pd.DataFrame:
    """Counts of test images by true class (rows) and predicted class (columns).

    Args:
        true: class name of each image.
        predicted: predicted class name of each image.
        classes: names of rows and columns, in order.

    Raises:
        ValueError: lengths differ, or a name is not in ``classes``.
    """
    if len(true) != len(predicted):
        raise ValueError(f"true and predicted must have the same length, got {len(true)} and {len(predicted)}")
    unknown = sorted({*true, *predicted} - set(classes))
    if unknown:
        raise ValueError(f"classes must hold every true and predicted class, lacks {', '.join(unknown)}")
    counts = pd.crosstab(
        pd.Categorical(list(true), categories=list(classes)),
        pd.Categorical(list(predicted), categories=list(classes)),
        dropna=False,
    )
    return counts.rename_axis(index="true_class", columns="predicted_class")
