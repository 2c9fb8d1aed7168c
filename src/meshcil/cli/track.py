"""`meshcil track --rebuild`: MLflow holds copies only, and gets them again from the records."""

import os
from pathlib import Path

from meshcil.core.errors import InputError
from meshcil.lineage.audit import find_records
from meshcil.lineage.reading import FOLDERS, record_files
from meshcil.stages import track


def log_again() -> dict[str, int]:
    """Run `track` again for every experiment that was tracked; number of its records by name.

    Raises:
        InputError: when a record cannot be used, or nothing was tracked.
    """
    if not record_files():
        closed = next(
            (name for name in FOLDERS if Path(name).is_dir() and not os.access(name, os.R_OK | os.X_OK)), None
        )
        if closed:
            raise InputError(closed, "cannot be read", "Ask its owner to open it", "a-checkout-for-a-group")
        raise InputError(Path.cwd(), "holds no records: nothing has been run here", "Run `make reproduce`")
    found = find_records()
    if findings := [*found.damaged, *found.damaged_others]:
        raise InputError(Path.cwd(), findings[0], "Run `meshcil audit`; only sound records are logged")
    tracked = [record for record in found.behind.values() if record.stage == "track"]
    if not tracked:
        raise InputError(Path.cwd(), "holds no tracked experiment", "`make reproduce` logs what it runs")
    for record in tracked:
        inputs = [Path(entry.path) for entry in record.inputs]
        values = record.settings.values
        track.main(values["experiment"], inputs, Path(record.outputs[0].path))
    return {record.settings.values["experiment"]: len(record.inputs) for record in tracked}
