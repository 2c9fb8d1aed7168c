"""What a table of headline numbers comes to, in one or two sentences; and what its words mean."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from meshcil.reporting.table import Table, row_names

GLOSSARY = {
    "average": "Mean of the accuracies on all classes seen so far, after each step.",
    "last": "Accuracy on all classes, after the last step.",
    "forgetting": "How far the accuracy on earlier classes has fallen from its best, on average; lower is better.",
    "pose pi/6": "Share of all test images, wrongly classified ones included, whose pose is less than 30° off.",
    "pose pi/18": "Share of all test images, wrongly classified ones included, whose pose is less than 10° off.",
    "AUROC": "How well a score tells images of learned classes from others: 100 % always, 50 % by chance.",
    "step": "The classes that arrive together, learned without the images of earlier ones but for the exemplars.",
    "exemplars": "Images of earlier classes that are kept for training.",
    "budget": "What may be kept: total-96 means 96 images in all, bytes-3000000 that many bytes for images and model "
    "together, none no image.",
    "clean, L1, L2, L3": "Test images with nothing hidden, and with 20–40, 40–60 and 60–80 % of the object hidden.",
    "shape, pose, texture, context, weather": "Test images in which this one thing differs from training.",
    "joint": "Training on all images of all classes seen, at every step: no incremental method, shown to compare.",
    "finetune": "Training on each step's images alone: shows how much is forgotten when nothing is done about it.",
    "seed": "Start of the random numbers of one training; differences between seeds are chance.",
    "protocol": "Which classes arrive when: 3-3-3-3 means four steps of three classes.",
    "point": "One percentage point: from 50 % to 51 % is one point.",
}
"""Terms of the page; columns of tables show their text where the pointer rests."""


@dataclass(frozen=True)
class _Reached:
    name: str
    last: Decimal
    spread: str

    @property
    def told(self) -> str:
        return f"{self.last} ± {self.spread} %" if self.spread else f"{self.last} %"


def headline(table: Table) -> str:
    """What came out after the last step: the best incremental method, the next best, and joint training.

    Args:
        table: of kind `summary`.

    Returns:
        Sentences; "" for a table without methods or last accuracies.
    """
    if "last" not in table.values or "method" not in table.names:
        return ""
    joint = [name.split("-")[0] == "joint" for name in table.names["method"]]
    spreads = table.spreads["last"] if "last" in table.spreads else [""] * len(joint)
    rows = [
        (alone, _Reached(name, Decimal(text), spread))
        for alone, name, text, spread in zip(joint, row_names(table.names), _texts(table, "last"), spreads, strict=True)
        if text
    ]
    ranked = sorted((row for alone, row in rows if not alone), key=lambda row: -row.last)
    if not ranked:
        return ""
    seeds = set(table.names["seeds"]) if "seeds" in table.names else {"1"}
    said = [_first(ranked)]
    if found := max((row for alone, row in rows if alone), key=lambda row: row.last, default=None):
        said.append(f"{found.name}, which is not incremental: {found.told}.")
    said.append("One seed each: how much of this is chance is not measured." if seeds == {"1"} else "Mean over seeds.")
    return " ".join(said)


def _first(ranked: Sequence[_Reached]) -> str:
    best, *others = ranked
    text = f"After the last step {best.name} classifies {best.told} of the test images of all classes correctly"
    if not others:
        return f"{text}."
    lead = best.last - others[0].last
    if not lead:
        return f"{text}, as does {others[0].name}."
    return f"{text}, {lead} points more than {others[0].name} ({others[0].told}), the next best incremental method."


def _texts(table: Table, column: str) -> list[str]:
    return [str(text) for text in table.values[column]]
