"""Every method through the stages that train and choose, on data without any test image."""

import csv
from pathlib import Path

import numpy as np
import pytest

from meshcil.config.run import RunConfig, RunKey
from meshcil.core.artifacts import read_json, write_text_atomic
from meshcil.core.naming import available
from meshcil.datasets.prepared import load_split
from meshcil.stages.resolve import resolve_run
from meshcil.stages.select import select
from meshcil.stages.train import train
from tests.conformance.test_methods import REBUILT, stored_bytes
from tests.methods.factory import CONFIG, settings
from tests.stages.conftest import CLASSES


def resolved(kind: str) -> RunConfig:
    """Two steps of a tiny method; exemplars wherever it can store them."""
    method = settings(kind, epochs=1)
    budget = "none" if method.replay == "never" else "total-8"
    key = RunKey(dataset="primitives3d-tiny", protocol="2-2", method="icarl-smoke", budget="total-8", seed=0)
    run = resolve_run(key, CONFIG)
    return run.model_copy(update={"method": method, "key": key.model_copy(update={"budget": budget})})


def write_runs(run: RunConfig) -> tuple[Path, Path]:
    """Write the settings of a run and those of its first step into the working folder: the file for each step."""
    files = Path("first.json"), Path("run.json")
    for step, file in enumerate(files):
        write_text_atomic(file, run.model_copy(update={"key": run.key.trained_as(step)}).model_dump_json())
    return files


@pytest.mark.parametrize("kind", available("meshcil.methods"))
def test_training_and_choosing_need_no_test_image_and_the_ledger_is_what_lies_there(
    kind: str, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run, kept, state = resolved(kind), None, None
    settings = write_runs(run)
    assert [path.name for path in data.glob("*.parquet")] == ["train.parquet"]
    table = load_split(data / "train.parquet", set(CLASSES))
    for step in range(2):
        place = tmp_path / f"step{step}"
        out, chosen, ledger = place / "state.safetensors", place / "exemplars.json", place / "ledger.csv"
        train(settings[step], data, step, out, place / "epochs.csv", state, kept)
        select(Path("run.json"), data, step, out, chosen, ledger, kept)
        state, kept = out, chosen
        ids = [name for _, names in read_json(chosen)["classes"] for name in names]
        assert len(ids) == (8 if run.key.budget == "total-8" else 0)
        pixels = table.subset([table.ids.index(name) for name in ids]).images() if ids else np.zeros(0, np.uint8)
        with ledger.open(newline="") as stream:
            rows = {row["name"]: row for row in csv.DictReader(stream)}
        assert int(rows["exemplar pixels"]["bytes"]) == pixels.nbytes
        # One byte of label, 32-bit floats of pose and box.
        assert int(rows["exemplar annotations"]["bytes"]) == len(ids) * (1 + 10 * 4)
        carried = {name for name, row in rows.items() if row["carry"] == "True"}
        tensors = carried - REBUILT - {"exemplar pixels", "exemplar annotations"}
        assert sum(int(rows[name]["bytes"]) for name in tensors) == stored_bytes(out)
