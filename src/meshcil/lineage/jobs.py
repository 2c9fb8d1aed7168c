"""What a stage is, and which jobs a plan asks for: each with its inputs, outputs, command, settings and modules."""

import re
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from meshcil.core.hashing import sha256_json
from meshcil.lineage.code import stage_modules
from meshcil.lineage.files import record_in
from meshcil.lineage.inputs import Reader
from meshcil.lineage.plan import AlignedRun, Names, Plan
from meshcil.lineage.schema import SUFFIX

Files = dict[str, str | list[str]]
"""Path or paths by name."""
_PATTERNS = {"seed": r"\d+", "step": r"\d+"}
_PLACE = re.compile(r"\{([\w.]+)\}")


def nothing(plan: Plan, names: Names) -> Any:
    """What stages have in most places."""
    return {}


def never(plan: Plan, experiment: str) -> Iterable[Names]:
    """Jobs that the page of an experiment asks for of stages whose outputs it does not show."""
    return ()


@dataclass(frozen=True)
class Stage:
    """A stage. The names of a job are the values in the braces of its paths.

    Attributes:
        name: of its module in `meshcil.stages`, and of its rule.
        reads: inputs by name, in the order of the rule: a path, or a function of the plan (`lineage.inputs`).
        writes: outputs by name; the record lies next to the first.
        options: of its command, but for the number of threads; one whose file a job does not have is left out.
        settings: what a job works by, as the plan has it; the job's record states their values.
        modules: what a job runs, from the stage's name and these settings (`lineage.code`).
        label: where several jobs write to one folder, the name by which their records differ.
        facts: further values for `options`, by name.
        watches: what reruns a job besides its inputs, settings and modules.
        wanted: names of the jobs that the page of an experiment asks for; others run where a job reads their outputs.
        folder: whether it writes a folder as a whole.
        recomputed: whether its module computes the outputs again without training (`recompute`).
        gpu: whether it computes on the accelerator.
        shown: settings that a trace shows.
    """

    name: str
    reads: Mapping[str, str | Reader]
    writes: Mapping[str, str | tuple[str, ...]]
    options: str
    settings: Callable[[Plan, Names], Any] = nothing
    modules: Callable[[str, Any], tuple[str, ...]] = stage_modules
    label: str = ""
    facts: Callable[[Plan, Names], Mapping[str, str | list[str]]] = nothing
    watches: Callable[[Plan, Names], Any] = nothing
    wanted: Callable[[Plan, str], Iterable[Names]] = never
    folder: bool = False
    recomputed: bool = False
    gpu: bool = False
    shown: tuple[str, ...] = ()

    @property
    def first(self) -> str:
        """Path of the first output, whose lock a job holds while it runs."""
        found = next(iter(self.writes.values()))
        return found if isinstance(found, str) else found[0]

    @property
    def record(self) -> str:
        """Path of the record."""
        folder = Path(self.first) if self.folder else Path(self.first).parent
        return record_in(folder, self.name, f"{{{self.label}}}" if self.label else "").as_posix()

    @cached_property
    def outputs(self) -> dict[str, str | tuple[str, ...]]:
        """Outputs of its rule: the files and the record; of a folder only that, as the stage itself replaces it."""
        return {**({} if self.folder else self.writes), "record": self.record}

    def written(self, names: Names) -> dict[str, str | list[str]]:
        """Files of a job by the name of the output, its record among them."""
        return {
            name: path.format(**names) if isinstance(path, str) else [part.format(**names) for part in path]
            for name, path in self.outputs.items()
        }

    @property
    def log(self) -> str:
        """Path of the log."""
        return f"logs/{self.record.removeprefix('results/').removesuffix(SUFFIX)}.log"

    def find(self, path: str) -> dict[str, str] | None:
        """Names of the job that writes a file; None if it is not one of this stage's."""
        files = [] if self.folder else listed(self.writes)
        templates = [self.record] if path.endswith(SUFFIX) else files
        found = next((match for text in templates if (match := _pattern(text).fullmatch(path))), None)
        return found.groupdict() if found else None


@cache
def _pattern(template: str) -> re.Pattern[str]:
    """Pattern of the paths that a template stands for."""
    text, seen = "", set()
    for position, part in enumerate(re.split(r"\{(\w+)\}", template)):
        if position % 2 == 0:
            text += re.escape(part)
        else:
            text += f"(?P={part})" if part in seen else f"(?P<{part}>{_PATTERNS.get(part, '[^/]+')})"
            seen.add(part)
    return re.compile(text)


@dataclass(frozen=True)
class Job:
    """A job that a plan asks for.

    Attributes:
        stage: it belongs to.
        names: that tell it from the stage's other jobs.
        plan: that asks for it.
    """

    stage: Stage
    names: Names
    plan: Plan

    @property
    def record(self) -> Path:
        """Path of its record."""
        return Path(self.stage.record.format(**self.names))

    @property
    def first(self) -> Path:
        """Path of its first output."""
        return Path(self.stage.first.format(**self.names))

    @property
    def inputs(self) -> Files:
        """Files that it reads, by name, without configuration; what it does not have is left out."""
        found = {}
        for name, source in self.stage.reads.items():
            files = source.format(**self.names) if isinstance(source, str) else source(self.plan, self.names)
            if files:
                found[name] = files if isinstance(files, str) else list(files)
        return found

    @property
    def outputs(self) -> Files:
        """Files that it writes, by name, the record among them."""
        return self.stage.written(self.names)

    @property
    def command(self) -> tuple[str, ...]:
        """Its command line; the number of threads or processes is the rule's."""
        values: dict[str, Any] = {**self.names, "config": self.plan.config.as_posix()}
        values |= self.stage.facts(self.plan, self.names)
        values |= {f"input.{name}": files for name, files in self.inputs.items()}
        values |= {f"output.{name}": files for name, files in self.outputs.items()}
        words = ["python", "-I", "-m", f"meshcil.stages.{self.stage.name}"]
        option = ""
        for word in self.stage.options.split():
            if word.startswith("--"):
                option = word
                continue
            place = _PLACE.fullmatch(word)
            found = values.get(place[1], ()) if place else word.format_map(values)
            if found:
                words += [option, *([found] if isinstance(found, str) else found)]
        return tuple(words)

    @property
    def shell(self) -> str:
        """The same for a shell, by the script that starts stages without importing their libraries anew."""
        script = self.plan.config.parent / "workflow" / "scripts" / "stage.py"
        return shlex.join(["python", "-I", script.as_posix(), self.stage.name, *self.command[4:]])

    @property
    def settings(self) -> dict[str, Any]:
        """Values of its settings, as its record states them."""
        return plain(self.stage.settings(self.plan, self.names))

    @property
    def digest(self) -> str:
        """Digest of what it works by; comments and layout of files do not count."""
        return sha256_json([self.settings, plain(self.stage.watches(self.plan, self.names))])

    @property
    def modules(self) -> tuple[str, ...]:
        """Modules that it runs."""
        return self.stage.modules(self.stage.name, self.stage.settings(self.plan, self.names))


def plain(value: Any) -> Any:
    """Settings as JSON values; those of a run and its aligner as one block."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, AlignedRun):
        return {**plain(value.run), "aligner": plain(value.aligner)}
    if isinstance(value, Mapping):
        return {name: plain(part) for name, part in value.items()}
    return [plain(part) for part in value] if isinstance(value, list | tuple) else value


def listed(files: Mapping[str, str | Sequence[str]]) -> list[str]:
    """All paths of some inputs or outputs, each once."""
    return list(dict.fromkeys(p for paths in files.values() for p in ([paths] if isinstance(paths, str) else paths)))


def find(stages: Iterable[Stage], path: str) -> tuple[Stage, dict[str, str]] | None:
    """Stage that writes a file, and the names of the job; None for a file of one's own.

    Of two stages whose paths look alike, such as a table and the table of claims, it is the one that leaves less open.
    """
    found = [(stage, names) for stage in stages if (names := stage.find(path)) is not None]
    return min(found, key=lambda pair: sum(map(len, pair[1].values())), default=None)


def jobs_behind(stages: Iterable[Stage], plan: Plan, files: Iterable[str]) -> dict[Path, Job]:
    """The jobs that make some files, and all jobs behind them, by the path of their record, stage by stage.

    Args:
        stages: in the order of the pipeline.
        plan: that asks for the files.
        files: paths; those that no stage writes are one's own and have no job.
    """
    stages = list(stages)
    order = {stage.name: position for position, stage in enumerate(stages)}
    found: dict[Path, Job] = {}
    seen: set[str] = set()
    waiting = list(files)[::-1]
    while waiting:
        path = waiting.pop()
        if path not in seen and (pair := find(stages, path)):
            job = Job(*pair, plan)
            if job.record not in found:
                found[job.record] = job
                waiting += listed(job.inputs)[::-1]
        seen.add(path)
    return dict(sorted(found.items(), key=lambda item: order[item[1].stage.name]))
