"""How far off the estimated poses are: the share of images with an error below each angle."""

import math

import numpy
from matplotlib.figure import Figure

from meshcil.config.pictures.pose_errors import Options
from meshcil.core.errors import InputError
from meshcil.reporting.drawing import percent_axes
from meshcil.reporting.palette import BLUE, GREEN, GREY, INK, PURPLE, VERMILION
from meshcil.reporting.shown import Shown

_COLOURS = (BLUE, GREEN, VERMILION, PURPLE, GREY)
_DASHES = ("-", "--", "-.", ":", (0, (5, 1)))
_THRESHOLDS = (10, 30)


def draw(shown: Shown, options: Options) -> Figure:
    """One rising line per test set; all images count, wrongly classified ones too, and those without a pose as 180°.

    Raises InputError for data without poses, more than five test sets, or one without predictions.
    """
    if shown.focal is None:
        raise InputError(shown.data, "has no poses, and so no pose errors", "Show a run on data with poses")
    if len(options.test_sets) > len(_COLOURS):
        raise InputError("options of a `pose-errors` figure", "name more than five test sets", "Leave some out")
    figure = Figure()
    axes = percent_axes(figure, "images with a smaller error")
    for test_set, colour, dashes in zip(options.test_sets, _COLOURS, _DASHES, strict=False):
        rows = shown.predictions[shown.predictions["test_set"] == test_set]
        if rows.empty:
            known = ", ".join(shown.predictions["test_set"].unique())
            raise InputError(f"test set {test_set!r}", "has no predictions to show", f"Known: {known}")
        errors = numpy.degrees(numpy.sort(rows["pose_error"].fillna(math.pi).to_numpy()))
        share = 100 * numpy.arange(1, len(errors) + 1) / len(errors)
        axes.step([0, *errors, 180], [0, *share, 100], where="post", color=colour, linestyle=dashes, label=test_set)
    for angle in _THRESHOLDS:
        axes.axvline(angle, color=INK, alpha=0.3, linewidth=0.8)
    axes.set_xlim(0, 180)
    axes.set_xticks([0, *_THRESHOLDS, 60, 90, 120, 150, 180])
    axes.set_xlabel("pose error [°]")
    axes.legend(loc="lower right", fontsize=9)
    return figure
