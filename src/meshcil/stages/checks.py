"""What is wrong with a plan that settings alone do not show: found before any job starts."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

from meshcil.config.base import validate
from meshcil.config.dataset import DatasetSettings
from meshcil.config.experiment import ExperimentSettings, load_experiment, options_class
from meshcil.config.methods.base import MethodSettings
from meshcil.config.run import RunConfig, RunKey
from meshcil.config.studies.base import StudySettings
from meshcil.config.variants import find_method
from meshcil.core.errors import InputError
from meshcil.core.naming import available, load_module
from meshcil.lineage.paths import PREPARED, RAW


def check_study(study: StudySettings) -> None:
    """Refuse a study whose files are missing."""
    for path in study.input_files():
        if not path.exists():
            raise InputError(path, "does not exist", f"Put the files of {study.label} there; nothing is downloaded")


def check_bytes(runs: Sequence[RunConfig]) -> None:
    """Refuse budgets in bytes that are too small for a run's model."""
    if runs:
        # Counting a model's bytes needs torch, which other plans do without.
        planning = load_module("meshcil.training", "planning")
        for run in runs:
            planning.check_bytes(run, Path(PREPARED.format(dataset=run.key.dataset)))


def check_raw_files(name: str, dataset: DatasetSettings, config: Path) -> None:
    """Refuse a dataset whose raw files are missing, or whose layout nobody reads."""
    where = config / "datasets" / f"{name}.yaml"
    folder = RAW.format(dataset=name)
    if dataset.generator is not None and dataset.root != folder:
        raise InputError(where, f"`root` is {dataset.root}", f"Generated files belong in {folder}")
    if dataset.generator is None:
        dataset.require_roots(where)
        if odd := [root for root in dataset.roots() if {"{", "}"} & set(root)]:
            raise InputError(
                where, f"`root` {odd[0]} has braces, which Snakemake takes for a wildcard", "Rename the folder"
            )
    known = available("meshcil.datasets")
    unknown = [layout for layout in dataset.layouts() if layout not in known]
    if unknown:
        raise InputError(where, f"layout `{unknown[0]}` is unknown", "docs/data-formats.md lists the layouts")


def check_weights(name: str, method: MethodSettings, config: Path) -> None:
    """Refuse a backbone whose weights are missing."""
    weights, path = method.backbone.weights, method.backbone.weights_file
    if path is not None and not path.is_file():
        remedy = "Put the weights there (the file's comments say which), or correct the path; nothing is downloaded"
        if ":" in weights:
            remedy = "Install the packages of requirements.lock (`make setup`), or correct `package:file`"
        raise InputError(find_method(name, config).where, f"`weights` {weights} is not a file", remedy)


def check_artifacts(
    experiments: Mapping[str, ExperimentSettings], members: Mapping[str, Collection[RunKey]], config: Path
) -> None:
    """Refuse tables and figures of an unknown kind, of other experiments' runs, or with a duplicate name."""
    for kind in ("tables", "figures"):
        seen: dict[str, str] = {}
        for experiment, settings in experiments.items():
            where = config / "experiments" / f"{experiment}.yaml"
            for artifact in getattr(settings, kind):
                folder = artifact.folder if kind == "figures" else kind
                known = available(f"meshcil.reporting.{folder}")
                if artifact.kind not in known:
                    raise InputError(where, f"kind `{artifact.kind}` is unknown", f"Known {folder}: {', '.join(known)}")
                if kind == "tables" and artifact.name == "claims":
                    raise InputError(where, "table `claims` has the name of the table of verdicts", "Rename it")
                if artifact.run is not None and artifact.run not in members[experiment]:
                    cause = f"figure `{artifact.name}` shows {artifact.run.path}, which is not a run of this experiment"
                    raise InputError(where, cause, "Name one of its runs")
                if artifact.name in seen:
                    other = seen[artifact.name]
                    raise InputError(where, f"{kind} `{artifact.name}` is also in {other}", "Rename one of the two")
                seen[artifact.name] = experiment


def check_options(names: Iterable[str], config: Path) -> None:
    """Refuse tables and figures whose options their kind does not know."""
    for name in names:
        settings = load_experiment(name, config)
        for artifact, folder in [(table, "tables") for table in settings.tables] + [
            (figure, figure.folder) for figure in settings.figures
        ]:
            if artifact.kind in available(f"meshcil.reporting.{folder}"):
                where = f"{config / 'experiments' / f'{name}.yaml'}, options of `{artifact.name}`"
                validate(options_class(folder, artifact.kind), dict(artifact.options), where)


def check_aligner(key: RunKey, method: MethodSettings, where: Path) -> None:
    """Refuse an aligner for a method whose latents of two steps cannot be compared."""
    if method.latents_grow:
        cause = f"gives an aligner to `{key.method}`, whose latents get wider with each step"
        raise InputError(where, cause, "Align a method with one network, or leave `aligners` out of this block")
