"""What a run holds in bytes, counted four ways."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass

FLOAT_BYTES = 4
COUNTS = ("paper", "deploy", "carry", "peak")


@dataclass(frozen=True)
class LedgerRow:
    """One thing held after a step, and which counts it enters."""

    name: str  # what it is
    bytes: int  # its size
    # MEMO's rule: parameters of the stored extractors (4 bytes each) and exemplar pixels; no heads, no batch-norm
    # statistics, no labels, no teacher, no optimiser
    paper: bool = False
    deploy: bool = False  # needed to predict for all seen classes
    carry: bool = False  # kept from this step to the next; includes what is deployed
    peak: bool = True  # held while the step trains; includes what is carried

    def __post_init__(self) -> None:
        if self.bytes < 0:
            raise ValueError(f"bytes of {self.name!r} must be at least 0, got {self.bytes}")
        if (self.deploy and not self.carry) or (self.carry and not self.peak):
            raise ValueError(f"row {self.name!r}: what is deployed is carried, what is carried is held at the peak")


@dataclass(frozen=True)
class Ledger:
    """Rows of what is held after one step; the totals are sums over the rows that a count includes."""

    rows: tuple[LedgerRow, ...] = ()

    def __post_init__(self) -> None:
        names = [row.name for row in self.rows]
        if len(set(names)) != len(names):
            raise ValueError(f"rows must have different names, got {names}")

    def add(self, rows: Iterable[LedgerRow]) -> "Ledger":
        """A ledger with further rows."""
        return Ledger((*self.rows, *rows))

    def total(self, count: str) -> int:
        """Bytes under one of ``paper``, ``deploy``, ``carry``, ``peak``. Raises ValueError for another count."""
        if count not in COUNTS:
            raise ValueError(f"count must be one of {', '.join(COUNTS)}, got {count!r}")
        return sum(row.bytes for row in self.rows if getattr(row, count))

    def totals(self) -> dict[str, int]:
        """Bytes under every count, by name."""
        return {count: self.total(count) for count in COUNTS}

    def records(self) -> list[dict[str, str | int | bool]]:
        """One mapping per row, in order, for a table."""
        return [asdict(row) for row in self.rows]


def deployed(name: str, size: int) -> LedgerRow:
    """Needed to predict: heads, batch-norm statistics, class means, vertex features, meshes."""
    return LedgerRow(name, size, deploy=True, carry=True)


def extractor(name: str, parameters: int) -> LedgerRow:
    """Float parameters of a feature extractor: the only part of the model that MEMO counts."""
    return LedgerRow(name, FLOAT_BYTES * parameters, paper=True, deploy=True, carry=True)


def carried(name: str, size: int) -> LedgerRow:
    """Kept between steps, not needed to predict: importance weights, background bank, replayed features."""
    return LedgerRow(name, size, carry=True)


def training_only(name: str, size: int) -> LedgerRow:
    """Held only while a step trains: teacher, optimiser state, auxiliary heads."""
    return LedgerRow(name, size)


def exemplars(count: int, height: int, width: int, annotation_bytes: int) -> tuple[LedgerRow, LedgerRow]:
    """Stored images: one byte per colour value, at the stored resolution; and their annotations (`annotation_size`)."""
    return (
        LedgerRow("exemplar pixels", count * pixel_size(height, width), paper=True, carry=True),
        LedgerRow("exemplar annotations", count * annotation_bytes, carry=True),
    )


def pixel_size(height: int, width: int) -> int:
    """Bytes of one image: 3 colour values of one byte per pixel."""
    return 3 * height * width


def annotation_size(num_classes: int, *, pose: bool) -> int:
    """Bytes of one exemplar's label (1, or 2 above 256 classes) and, with ``pose``, 6 + 4 floats of pose and box."""
    return (1 if num_classes <= 256 else 2) + (10 * FLOAT_BYTES if pose else 0)
