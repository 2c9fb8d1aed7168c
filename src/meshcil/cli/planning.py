"""The plan of the experiments that a command names, and of which file a message about it speaks."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from meshcil.config.base import named_file
from meshcil.config.experiment import load_experiment, run_keys
from meshcil.config.run import RunKey
from meshcil.core.errors import InputError
from meshcil.memory.budget import parse_budget
from meshcil.stages.checks import check_bytes
from meshcil.stages.plan import Plan, load_plan
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
    if parse_budget(key.budget).in_bytes:
        check_bytes([run])
