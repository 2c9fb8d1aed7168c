"""The run as a Provenance Run Crate 0.5: one action per record, in the vocabulary of RO-Crate (Workflow Run RO-Crate).

https://w3id.org/ro/wfrun/provenance/0.5. Files are either part of the crate, or named by their digest alone.
"""

import mimetypes
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rocrate.model.contextentity import ContextEntity
from rocrate.model.entity import Entity
from rocrate.rocrate import ROCrate

from meshcil.core.code_digest import repository_root
from meshcil.core.hashing import sha256_file
from meshcil.lineage.schema import FileFacts, Record

PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": "Process Run Crate",
    "https://w3id.org/ro/wfrun/workflow/0.5": "Workflow Run Crate",
    "https://w3id.org/ro/wfrun/provenance/0.5": "Provenance Run Crate",
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0": "Workflow RO-Crate",
}
TERMS = "https://w3id.org/ro/terms/workflow-run/context"
_DONE = "http://schema.org/CompletedActionStatus"
_WORKFLOW = "https://bioschemas.org/profiles/ComputationalWorkflow/1.0-RELEASE"
_TYPES = {".csv": "text/csv", ".md": "text/markdown", ".parquet": "application/vnd.apache.parquet"}
_TYPES |= {".json": "application/json", ".yaml": "application/yaml", ".py": "text/x-python", ".svg": "image/svg+xml"}


@dataclass(frozen=True)
class About:
    """What the crate says of itself.

    Attributes:
        name: of the crate.
        description: in a sentence or two.
        agent: person who ran the jobs.
        url: of the project.
    """

    name: str
    description: str
    agent: str
    url: str


class Crate:
    """Collects files and jobs, then writes a folder.

    Args:
        about: what it says of itself.
        records: of all jobs, by path.
        files: path in the crate -> file to copy.
    """

    def __init__(self, about: About, records: Mapping[Path, Record], files: Mapping[str, Path]) -> None:
        self.about = about
        self.records = records
        # RO-Crate 1.1 is what the profile asks for.
        self.crate = ROCrate(version="1.1")
        self.crate.metadata.extra_contexts.append(TERMS)
        self.agent = self._add(f"#agent-{_slug(about.agent)}", "Person", name=about.agent)
        self.files = {path: self._file(path, source) for path, source in files.items()}
        self._describe()
        self.tools = self._tools()
        self.workflow = self._workflow()

    def write(self, folder: Path) -> None:
        """Write the crate to a folder."""
        steps = self._jobs()
        self._run(steps)
        self.crate.write(folder)

    def _add(self, identifier: str, kind: str | list[str], **properties: Any) -> Entity:
        return self.crate.add(ContextEntity(self.crate, identifier, properties={"@type": kind, **properties}))

    def _file(self, path: str, source: Path) -> Entity:
        size = str(source.stat().st_size)
        facts = {"name": path, "contentSize": size, "sha256": sha256_file(source), "encodingFormat": media_type(path)}
        return self.crate.add_file(source, path, properties=facts | self._code(path))

    def _code(self, path: str) -> dict[str, Any]:
        """What a file has more of when it is the workflow, or the stage that a job ran."""
        facts = {"version": version("meshcil"), "url": self.about.url}
        if path == "Snakefile":
            return facts | {"@type": ["File", "SoftwareSourceCode", "ComputationalWorkflow", "HowTo"]}
        if path.startswith("src/meshcil/stages/"):
            return facts | {"@type": ["File", "SoftwareSourceCode"], "name": f"stage {Path(path).stem}"}
        return {}

    def _describe(self) -> None:
        root, newest = self.crate.root_dataset, max(record.ended for record in self.records.values())
        profiles = [self._add(uri, "CreativeWork", name=name, version=uri[-3:]) for uri, name in PROFILES.items()]
        root["conformsTo"] = profiles
        root["name"], root["description"] = self.about.name, self.about.description
        root["datePublished"] = newest
        mit = "https://spdx.org/licenses/MIT"
        root["license"] = self._add(mit, "CreativeWork", name="MIT License", description="Code and results", url=mit)
        root["author"] = root["publisher"] = self._add(
            self.about.url, "Organization", name="MeshCIL authors", url=self.about.url
        )
        self.crate.metadata["conformsTo"] = [
            self._add("https://w3id.org/ro/crate/1.1", "CreativeWork", name="RO-Crate", version="1.1"),
            profiles[-1],
        ]
        if "README.md" in self.files:
            self.files["README.md"]["about"] = root

    def _tools(self) -> dict[str, Entity]:
        stages = dict.fromkeys(record.stage for record in self.records.values())
        tools = {stage: self.files[f"src/meshcil/stages/{stage}.py"] for stage in stages}
        for tool in tools.values():
            tool["license"] = self.crate.root_dataset["license"]
        return tools

    def _workflow(self) -> Entity:
        workflow = self.files["Snakefile"]
        workflow["license"] = self.crate.root_dataset["license"]
        language = "https://w3id.org/workflowhub/workflow-ro-crate#snakemake"
        site = {"url": "https://snakemake.readthedocs.io", "version": version("snakemake")}
        workflow["programmingLanguage"] = self._add(language, "ComputerLanguage", name="Snakemake", **site)
        workflow["conformsTo"] = self._add(_WORKFLOW, "CreativeWork", name="ComputationalWorkflow", version="1.0")
        workflow["creator"] = self.crate.root_dataset["publisher"]
        workflow["dateCreated"] = self.crate.root_dataset["datePublished"]
        workflow["hasPart"] = list(self.tools.values())
        self.crate.root_dataset["mainEntity"] = workflow
        return workflow

    def _jobs(self) -> list[Entity]:
        """One action per record, and one for the step that asked for it."""
        steps = {}
        for position, (stage, tool) in enumerate(self.tools.items()):
            steps[stage] = self._add(f"#step-{stage}", "HowToStep", name=stage, position=position, workExample=tool)
        self.workflow["step"] = list(steps.values())
        controls = []
        for path, record in self.records.items():
            action = self._action(path, record)
            control = self._add(f"#control-{_slug(path.as_posix())}", "ControlAction", name=f"orchestrate {path}")
            control["instrument"], control["object"], control["actionStatus"] = steps[record.stage], action, _DONE
            controls.append(control)
        return controls

    def _action(self, path: Path, record: Record) -> Entity:
        identifier = f"#{_slug(path.as_posix())}"
        action = self._add(identifier, "CreateAction", name=f"{record.stage} {record.name}".strip())
        action["description"] = " ".join(record.argv)
        action["startTime"], action["endTime"], action["actionStatus"] = record.started, record.ended, _DONE
        action["instrument"], action["agent"] = self.tools[record.stage], self.agent
        _link(action, "object", [self._place(entry) for entry in record.inputs])
        _link(action, "result", [self._place(entry) for entry in record.outputs])
        if (name := path.as_posix()) in self.files:
            action["subjectOf"] = self.files[name]
        self.crate.root_dataset.append_to("mentions", action)
        return action

    def _place(self, entry: FileFacts) -> Entity:
        """The file in the crate; what is not in it is named by its digest, so that it cannot be mistaken."""
        if entry.path in self.files and self.files[entry.path]["sha256"] == entry.sha256:
            return self.files[entry.path]
        identifier = f"urn:sha256:{entry.sha256}"
        known = self.crate.dereference(identifier)
        if known is not None:
            return known
        facts = {"name": entry.path, "sha256": entry.sha256, "contentSize": str(entry.size)}
        return self._add(identifier, "CreativeWork", encodingFormat=media_type(entry.path), **facts)

    def _run(self, controls: Iterable[Entity]) -> None:
        """The run of the workflow as a whole, and its engine."""
        engine = self._add("https://snakemake.readthedocs.io", "SoftwareApplication", name="Snakemake")
        engine["url"], engine["softwareVersion"] = "https://snakemake.readthedocs.io", version("snakemake")
        times = {"startTime": min(r.started for r in self.records.values())}
        times["endTime"] = max(r.ended for r in self.records.values())
        shared = {"agent": self.agent, "actionStatus": _DONE, "description": self.about.description, **times}
        run = self._add("#run", "CreateAction", name=f"run of {self.about.name}", instrument=self.workflow, **shared)
        run["object"] = [file for path, file in self.files.items() if path.startswith("config/")]
        run["result"] = [file for path, file in self.files.items() if path.startswith(("reports/", "results/"))]
        organised = self._add("#organize", "OrganizeAction", name=f"orchestration of {self.about.name}", **shared)
        organised["instrument"], organised["object"], organised["result"] = engine, list(controls), run
        self.crate.root_dataset.append_to("mentions", [run, organised])


def crate_files(records: Mapping[Path, Record], *, weights: bool) -> dict[str, Path]:
    """Path in the crate -> file: report, tables, figures, scores, records, configuration, workflow and stages.

    Args:
        records: of all jobs, by path.
        weights: whether the states of the networks belong to it too.
    """
    root = repository_root()
    made = [Path(entry.path) for record in records.values() for entry in record.outputs if entry.kind == "file"]
    kept = [p for p in made if p.suffix in (".csv", ".html", ".json", ".svg") and p.parts[0] in ("reports", "results")]
    kept += [path for path in made if weights and path.suffix == ".safetensors"]
    found = {path.as_posix(): path for path in (*records, *kept, *Path("reports").glob("ANCHOR"))}
    names = ["Snakefile", "dvc.yaml", "requirements.lock", "README.md", "CITATION.cff", "LICENSE"]
    names += [f"src/meshcil/stages/{stage}.py" for stage in dict.fromkeys(r.stage for r in records.values())]
    names += [path.relative_to(root).as_posix() for path in sorted((root / "workflow" / "rules").glob("*.smk"))]
    names += [e.path for r in records.values() for e in r.inputs if e.base == "repository" and e.kind == "file"]
    return found | {name: root / name for name in dict.fromkeys(names) if (root / name).is_file()}


def media_type(path: str) -> str:
    """Media type of a file by its name."""
    suffix = Path(path).suffix
    return (
        _TYPES.get(suffix)
        or mimetypes.guess_type(path)[0]
        or ("text/plain" if not suffix else "application/octet-stream")
    )


def _link(entity: Entity, name: str, values: Sequence[Entity]) -> None:
    """Set a property; a single value stands alone, as RO-Crate recommends."""
    if values:
        entity[name] = values[0] if len(values) == 1 else list(values)


def _slug(text: str) -> str:
    return "".join(c if c.isalnum() else "-" for c in text).strip("-")
