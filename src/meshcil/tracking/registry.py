"""Models in MLflow's registry: a description that points to the files of a run, none of which is copied.

The description is MLflow's own (a file `MLmodel` with the flavour `python_function`), so that
`mlflow.pyfunc.load_model("models:/NAME/VERSION")` and `mlflow models serve` find their way to the run.
"""

import json
import platform
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml
from mlflow.tracking import MlflowClient

from meshcil.tracking.base import Job, Model
from meshcil.tracking.stored import RECORD_TAG

LOADER = "meshcil.cli.registered_model"
"""Module that MLflow asks to load a model; only whoever loads one needs torch."""
_POINTER = "model.json"
_INPUTS = {"image": "binary"}
_OUTPUTS = {"class": "string", **dict.fromkeys(("score", "azimuth", "elevation", "theta"), "double")}


def model_name(group: str) -> str:
    """Name of a run in the registry, which takes no `/`."""
    return group.replace("/", ".")


def register(client: MlflowClient, job: Job, model: Model, run: str) -> None:
    """Make the model of a job a version of its run's entry, unless it is one already.

    Args:
        client: of the tracking and registry server.
        job: that finished the model.
        model: where it is.
        run: id of MLflow's run that the version belongs to.
    """
    name = model_name(job.group)
    versions = client.search_model_versions(f"name = '{name}'")
    if any(version.tags.get(RECORD_TAG) == job.record_sha256 for version in versions):
        return
    if not client.search_registered_models(f"name = '{name}'"):
        client.create_registered_model(name, description="Image in, class and pose out: the model after the last step.")
    folder = f"model-{job.record_sha256[:12]}"
    with TemporaryDirectory() as temporary:
        pointer = {"run": model.folder, "files": model.files}
        Path(temporary, _POINTER).write_text(json.dumps(pointer, indent=1, sort_keys=True), encoding="utf-8")
        Path(temporary, "MLmodel").write_text(_description(folder, run, job), encoding="utf-8")
        client.log_artifacts(run, temporary, folder)
    source = f"{client.get_run(run).info.artifact_uri}/{folder}"
    tags = {RECORD_TAG: job.record_sha256, "meshcil.record": job.record}
    client.create_model_version(name, source, run, tags=tags)


def _description(folder: str, run: str, job: Job) -> str:
    flavour = {"loader_module": LOADER, "data": _POINTER, "python_version": platform.python_version()}
    content = {
        "artifact_path": folder,
        "run_id": run,
        "flavors": {"python_function": flavour},
        "signature": {"inputs": _columns(_INPUTS), "outputs": _columns(_OUTPUTS), "params": None},
        "metadata": {RECORD_TAG: job.record_sha256},
    }
    return yaml.safe_dump(content, sort_keys=False)


def _columns(types: dict[str, str]) -> str:
    return json.dumps([{"name": name, "type": kind, "required": True} for name, kind in types.items()])
