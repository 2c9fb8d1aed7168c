"""Outputs of a job against the same, computed again from its inputs; each stage that can do so has `recompute`."""

from collections.abc import Iterable
from pathlib import Path

from meshcil.lineage.files import place_of
from meshcil.lineage.schema import FileFacts, Record


def places(entries: Iterable[FileFacts], suffix: str = "") -> list[Path]:
    """Where the inputs or outputs lie whose names end in ``suffix``."""
    return [place_of(entry) for entry in entries if entry.path.endswith(suffix)]


def unequal(record: Record, *contents: str | bytes) -> list[Path]:
    """The first outputs of a job that do not hold ``contents``."""
    pairs = zip(places(record.outputs), contents, strict=False)
    return [path for path, one in pairs if path.read_bytes() != (one if isinstance(one, bytes) else one.encode())]
