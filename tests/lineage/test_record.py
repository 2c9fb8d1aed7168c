"""Records: what they say, when they are written, and how they find their parents."""

import json
import subprocess
from pathlib import Path

import pytest

from meshcil.config.methods.base import BackboneSettings
from meshcil.core.errors import InputError
from meshcil.core.hashing import sha256_file
from meshcil.lineage import source
from meshcil.lineage.files import file_facts, place_of
from meshcil.lineage.record import record_job
from meshcil.lineage.schema import Record


@pytest.fixture(autouse=True)
def _work_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def job(
    stage: str, inputs: list[str], output: str, text: str = "made", name: str = "", key: dict | None = None
) -> dict:
    """Run a job that writes ``text`` to ``output`` and return its record."""
    path = Path(output)
    with record_job(
        stage,
        inputs=[Path(i) for i in inputs],
        outputs=[path],
        settings={"depth": 2},
        modules=("meshcil.stages.command",),
        key={"experiment": "e"} if key is None else key,
        name=name,
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    label = f"{stage}-{name}" if name else stage
    return json.loads((path.parent / f"{label}.record.json").read_text())


def test_record_states_what_was_read_and_written() -> None:
    Path("a.txt").write_text("hello")
    record = Record.model_validate(job("score", ["a.txt"], "out/b.csv"))
    assert record.inputs[0].model_dump() == {
        "path": "a.txt",
        "base": "work",
        "kind": "file",
        "sha256": sha256_file(Path("a.txt")),
        "size": 5,
    }
    assert [o.path for o in record.outputs] == ["out/b.csv"]
    assert record.settings.values == {"depth": 2}
    assert set(record.code.modules) >= {"meshcil.stages.command", "meshcil.core.errors"}
    assert record.source.lock_sha256 and len(record.environment.packages_sha256) == 64
    assert record.ended >= record.started and record.exit_code == 0


def test_settings_keep_their_order() -> None:
    settings = {"groups": {"models": ["der"], "exemplars": ["icarl"]}}
    with record_job("score", inputs=[], outputs=[Path("b.csv")], settings=settings, modules=(), key={}):
        Path("b.csv").write_text("x")
    stored = json.loads(Path("score.record.json").read_text())["settings"]["values"]
    assert list(stored["groups"]) == ["models", "exemplars"]


def test_parents_are_the_records_that_made_the_inputs() -> None:
    job("score", [], "run/scores.csv")
    job("resolve", [], "run/run.json")
    job("score", [], "other/scores.csv")
    record = job("collect", ["run/scores.csv", "run/run.json"], "all/e.csv", name="e")
    expected = ["run/resolve.record.json", "run/score.record.json"]
    assert [p["path"] for p in record["parents"]] == expected
    assert [p["sha256"] for p in record["parents"]] == [sha256_file(Path(path)) for path in expected]


def test_a_record_that_is_read_is_a_parent() -> None:
    job("score", [], "run/scores.csv")
    record = job("track", ["run/score.record.json"], "all/e.json", name="e")
    assert [p["path"] for p in record["parents"]] == ["run/score.record.json"]


def test_a_folder_is_one_output_whose_files_have_a_parent() -> None:
    folder = Path("raw/chairs")
    with record_job("generate", inputs=[], outputs=[folder], settings={}, modules=("meshcil.stages.command",), key={}):
        folder.mkdir(parents=True)
        (folder / "one.png").write_text("1")
    own = json.loads((folder / "generate.record.json").read_text())["outputs"][0]
    assert own["kind"] == "folder" and own["size"] == 1
    for path in ("raw/chairs", "raw/chairs/one.png"):
        record = job("prepare", [path], f"prepared/{Path(path).name}/dataset.json")
        assert [p["path"] for p in record["parents"]] == ["raw/chairs/generate.record.json"]
    assert record["inputs"][0]["sha256"] != own["sha256"]


def test_what_a_job_may_write_is_an_output_where_it_did() -> None:
    for written in (["b.csv"], ["b.csv", "c.csv"]):
        more = {"settings": {}, "modules": (), "key": {}, "possible": [Path("c.csv")]}
        with record_job("score", inputs=[], outputs=[Path("b.csv")], **more):
            for name in written:
                Path(name).touch()
        record = json.loads(Path("score.record.json").read_text())
        assert [entry["path"] for entry in record["outputs"]] == written


def test_a_failing_job_leaves_no_record_not_even_an_old_one() -> None:
    job("score", [], "out/b.csv")
    with (
        pytest.raises(RuntimeError, match="boom"),
        record_job("score", inputs=[], outputs=[Path("out/b.csv")], settings={}, modules=(), key={}),
    ):
        raise RuntimeError("boom")
    assert not Path("out/score.record.json").exists()


def test_an_input_that_changes_meanwhile_is_refused() -> None:
    Path("a.txt").write_text("before")
    with (
        pytest.raises(InputError, match="changed while the stage was reading it"),
        record_job("score", inputs=[Path("a.txt")], outputs=[Path("b.csv")], settings={}, modules=(), key={}),
    ):
        Path("a.txt").write_text("after")
        Path("b.csv").write_text("made")
    assert not Path("score.record.json").exists()


def test_identity_follows_code_settings_inputs_and_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("a.txt").write_text("before")

    def identity(settings: dict, modules: tuple[str, ...] = ("meshcil.stages.command",)) -> str:
        with record_job(
            "score", inputs=[Path("a.txt")], outputs=[Path("b.csv")], settings=settings, modules=modules, key={}
        ) as found:
            Path("b.csv").write_text("made")
        return found

    first = identity({"depth": 2})
    assert identity({"depth": 2}) == first
    assert identity({"depth": 3}) != first
    assert identity({"depth": 2}, ("meshcil.core.errors",)) != first
    with monkeypatch.context() as other_processor:
        other_processor.setattr(source, "_instructions", lambda: "avx10")
        assert identity({"depth": 2}) != first
    Path("a.txt").write_text("after")
    assert identity({"depth": 2}) != first


def test_identity_follows_threads_but_not_the_number_of_processes() -> None:
    def identity(**place: int) -> tuple[str, int]:
        with record_job("score", inputs=[], outputs=[Path("b.csv")], settings={}, modules=(), key={}, **place) as found:
            Path("b.csv").write_text("made")
        return found, json.loads(Path("score.record.json").read_text())["environment"]["threads"]

    alone, one = identity()
    shared, three = identity(workers=3)
    wider, two = identity(threads=2)
    assert alone == shared != wider
    assert (one, two, three) == (1, 2, 3)


def test_a_missing_input_is_named() -> None:
    with (
        pytest.raises(InputError, match=r"absent\.txt: does not exist"),
        record_job("score", inputs=[Path("absent.txt")], outputs=[Path("b.csv")], settings={}, modules=(), key={}),
    ):
        pytest.fail("the body must not run")


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small git checkout that stands for the one the package is run from."""
    root = tmp_path / "checkout"
    (root / "src").mkdir(parents=True)
    (root / "src/a.py").write_text("A = 1\n")
    (root / "dvc.lock").write_text("old\n")
    git(root, "init", "--quiet")
    git(root, "add", ".")
    git(root, "-c", "user.name=t", "-c", "user.email=t@t", "commit", "--quiet", "-m", "first")
    monkeypatch.setattr(source, "repository_root", lambda: root)
    return root


def git(root: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=root, check=True)


def test_commit_and_changes(checkout: Path) -> None:
    clean = source.source_facts()
    assert clean.commit and clean.dirty is False and clean.tree_sha256 is None
    (checkout / "dvc.lock").write_text("new\n")
    (checkout / "reports").mkdir()
    (checkout / "reports/ANCHOR").write_text("digest\n")
    assert source.source_facts() == clean
    (checkout / "src/a.py").write_text("A = 2\n")
    dirty = source.source_facts()
    assert dirty.dirty and dirty.commit == clean.commit and dirty.diff_sha256 != clean.diff_sha256


def test_a_new_file_makes_the_checkout_dirty(checkout: Path) -> None:
    (checkout / "src/b.py").write_text("B = 1\n")
    assert source.source_facts().dirty


def test_without_git_the_source_tree_is_hashed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src/a.py").write_text("A = 1\n")
    monkeypatch.setattr(source, "repository_root", lambda: tmp_path)
    before = source.source_facts()
    assert before.commit is None and before.dirty is None and before.diff_sha256 is None
    (tmp_path / "src/a.py").write_text("A = 2\n")
    assert source.source_facts().tree_sha256 != before.tree_sha256


def test_a_tarball_inside_another_repository_takes_no_commit(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inner = checkout / "inner"
    (inner / "src").mkdir(parents=True)
    monkeypatch.setattr(source, "repository_root", lambda: inner)
    assert source.source_facts().commit is None


def test_a_file_of_an_installed_package_is_named_within_the_packages(tmp_path: Path) -> None:
    path = BackboneSettings(name="timm", model="m", weights="sklearn:datasets/images/china.jpg").weights_file
    entry = file_facts(path)
    assert (entry.base, entry.path) == ("packages", "sklearn/datasets/images/china.jpg")
    assert place_of(entry) == path.resolve()


def test_results_on_another_disk_keep_their_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    work, other = tmp_path / "work", tmp_path / "scratch"
    work.mkdir()
    (other / "runs").mkdir(parents=True)
    (work / "results").symlink_to(other)
    monkeypatch.chdir(work)
    (work / "results/runs/run.json").write_text("{}")
    facts = file_facts(Path("results/runs/run.json"))
    assert (facts.base, facts.path) == ("work", "results/runs/run.json")


def test_a_variable_that_changes_arithmetic_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ATEN_CPU_CAPABILITY", raising=False)
    before = source.environment_facts("cpu", 1).instructions
    monkeypatch.setenv("ATEN_CPU_CAPABILITY", "default")
    assert source.environment_facts("cpu", 1).instructions.split() == [*before.split(), "ATEN_CPU_CAPABILITY=default"]


def test_variables_of_the_loader_and_modules_from_elsewhere_are_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = source.environment_facts("cpu", 1).foreign
    monkeypatch.setenv("LD_PRELOAD", "/elsewhere/shim.so")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert set(source.environment_facts("cpu", 1).foreign) - set(before) == {
        "LD_PRELOAD=/elsewhere/shim.so",
        str(tmp_path),
    }
