"""`meshcil check`: the plan of the experiments that a command names, and how much work it asks for."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from meshcil.config.base import named_file
from meshcil.config.experiment import load_experiment, run_keys
from meshcil.config.run import RunKey
from meshcil.core.errors import InputError
from meshcil.lineage.plan import Plan
from meshcil.stages.checks import check_bytes
from meshcil.stages.plan import load_plan
from meshcil.stages.resolve import resolve_run


def plan_of(experiments: str, config: Path) -> Plan:
    """The plan of some experiments.

    Args:
        experiments: names, separated by commas.
        config: folder with the configuration.

    Raises:
        InputError: naming the file that is wrong; where settings of several files do not suit each other, the
            experiment and the run that brings them together.
    """
    if not experiments.strip():
        raise InputError("EXPERIMENT", "is empty", "Name one of config/experiments (`meshcil list`)", "a-run")
    names = experiments.split(",")
    if not all(names):
        raise InputError(f"`{experiments}`", "has a comma without a name", "Write names with one comma between two")
    files = {name: named_file(config, "experiments", name) for name in names}
    try:
        return load_plan(names, config)
    except InputError as error:
        place = None if Path(error.where).is_relative_to(config) else _place(error, files, config)
        if place is None:
            raise
        raise InputError(f"{place}: {error.where}", error.cause, error.remedy) from error


def _place(error: InputError, files: Mapping[str, Path], config: Path) -> str | None:
    """The file of the experiment and the run that an error comes from, if it comes from a run."""
    for name, file in files.items():
        for key, suites in run_keys(load_experiment(name, config)).items():
            try:
                _check_run(key, suites, config)
            except InputError as found:
                if str(found) == str(error):
                    return f"{file}, run {key.path}"
    return None


def _check_run(key: RunKey, suites: Sequence[str], config: Path) -> None:
    run = resolve_run(key, config)
    for suite in suites:
        run.test_sets(suite)
    if run.budget.in_bytes:
        check_bytes([run])


def amount(plan: Plan) -> str:
    """Runs, training steps, aligners to fit, studies and their jobs in words; what there is none of is left out."""
    aligned = dict.fromkeys(pair for pairs in plan.aligned.values() for pair in pairs)
    jobs = dict.fromkeys(job for jobs in plan.study_members.values() for job in jobs)
    numbers = {
        "run": len(plan.runs),
        "training step": len({key.trained_in(k) for key, run in plan.runs.items() for k in range(len(run.steps))}),
        "aligner to fit": sum(len(plan.runs[key].steps) - 1 for key, _ in aligned),
        "study": len(plan.studies),
        "job of studies": len(jobs),
    }
    return ", ".join(f"{number} {_word(name, number)}" for name, number in numbers.items() if number)


_PLURALS = {"study": "studies", "aligner to fit": "aligners to fit", "job of studies": "jobs of studies"}


def _word(name: str, number: int) -> str:
    return name if number == 1 else _PLURALS.get(name, f"{name}s")
