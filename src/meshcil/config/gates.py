"""Names of the gates that decide which images are aligned, and of test sets seen through them.

What the gates do is in `meshcil.aligners.gates`. In tables of predictions and scores, the test set `clean` under the
gate `pred-gate` of the aligner `eli` is called `clean:eli:pred-gate`.
"""

from dataclasses import dataclass

RESTRICTED, CONTROL = "task-oracle-restricted", "oracle-without-alignment"
"""With and without alignment, the gates under which images of old classes may only be given old classes."""
ORACLE_GATES = ("task-oracle", RESTRICTED, CONTROL)
"""Gates that are told whether an image shows an old class."""
GATES = (*ORACLE_GATES, "align-all", "pred-gate", "energy-gate", "learned-gate", "max-conf")
"""All gates, in the order of tables."""


@dataclass(frozen=True)
class View:
    """A test set seen through an aligner and a gate."""

    test_set: str  # name of the test set
    aligner: str  # name of the aligner's settings
    gate: str  # one of `GATES`

    @property
    def name(self) -> str:
        """As it stands in the column `test_set`."""
        return f"{self.test_set}:{self.aligner}:{self.gate}"


def parse_view(name: str) -> View | None:
    """The view that a name in the column `test_set` stands for; None for a plain test set."""
    parts = name.split(":")
    return View(*parts) if len(parts) == 3 else None


def memory_view(aligner: str) -> str:
    """Name, in the column `test_set`, under which the bytes held with an aligner stand."""
    return f"memory:{aligner}"


def aligner_of(name: str) -> str:
    """Aligner of a view or of the bytes held with it, by its name in the column `test_set`; "" for a plain name."""
    return name.split(":")[1] if ":" in name else ""
