"""Bad input is one message with file, cause and remedy, exit code 2, no traceback, and nothing half-written."""

import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import scipy.io
import yaml

ROOT = Path(__file__).resolve().parents[2]


def run(module: str, folder: Path, *arguments: str | Path, **options: object) -> subprocess.CompletedProcess:
    """Run a command of the package in ``folder``."""
    command = [sys.executable, "-m", f"meshcil.{module}", *map(str, arguments)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, **options)  # type: ignore[call-overload]


def assert_refused(done: subprocess.CompletedProcess, *expected: str) -> None:
    """Exit code 2 and one line that names the file, the cause and what to do."""
    assert done.returncode == 2, done.stdout + done.stderr
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1 and lines[0].startswith("error: "), done.stderr
    for text in expected:
        assert text in lines[0], lines[0]


def files(folder: Path) -> set[str]:
    """Every file below ``folder``, hidden ones included."""
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A copy of the configuration, to be spoiled."""
    return Path(shutil.copytree(ROOT / "config", tmp_path / "config"))


def change(path: Path, **values: object) -> None:
    """Set top-level keys of a YAML file."""
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | values))


def change_variant(config: Path, **values: object) -> None:
    """Set keys of iNeMo's variant for tests."""
    path = config / "methods/inemo.yaml"
    content = yaml.safe_load(path.read_text())
    content["variants"]["smoke"] |= values
    path.write_text(yaml.safe_dump(content))


def spoil_run(config: Path, **values: object) -> None:
    """Change the first block of runs of the smoke experiment."""
    path = config / "experiments/smoke.yaml"
    content = yaml.safe_load(path.read_text())
    content["runs"][0] |= values
    path.write_text(yaml.safe_dump(content))


def spoil_table(config: Path, **values: object) -> None:
    """Change the first table of the smoke experiment."""
    path = config / "experiments/smoke.yaml"
    content = yaml.safe_load(path.read_text())
    content["tables"][0] |= values
    path.write_text(yaml.safe_dump(content))


SPOILED = {
    "unknown key of an experiment": (
        lambda c: change(c / "experiments/smoke.yaml", sedes=[1]),
        ("experiments/smoke.yaml", "`sedes`", "config/README.md"),
    ),
    "unknown key of a dataset": (
        lambda c: change(c / "datasets/primitives3d-tiny.yaml", colour="red"),
        ("datasets/primitives3d-tiny.yaml", "`colour`"),
    ),
    "unknown key of a method": (
        lambda c: change_variant(c, losses={"kapa": 1.0}),
        ("methods/inemo.yaml, variant `smoke`: `losses.kapa`",),
    ),
    "value of a wrong type": (
        lambda c: change(c / "protocols/2-2.yaml", base="two"),
        ("protocols/2-2.yaml", "`base`", "integer"),
    ),
    "unknown method": (
        lambda c: spoil_run(c, methods=["nemo"]),
        ("methods/nemo.yaml: does not exist. Did you mean `inemo`",),
    ),
    "unknown kind of method": (
        lambda c: change_variant(c, kind="nemo"),
        ("methods/inemo.yaml, variant `smoke`: kind `nemo` is unknown", "Did you mean `inemo`?"),
    ),
    "unknown variant": (
        lambda c: spoil_run(c, methods=["inemo-study-no-eft"]),
        ("methods/inemo.yaml: has no variant `study-no-eft`. Did you mean `study-no-etf`, `",),
    ),
    "unknown recipe": (
        lambda c: change_variant(c, recipe="labtop"),
        ("recipes/labtop.yaml: does not exist. Did you mean `laptop`?",),
    ),
    "unknown dataset": (lambda c: spoil_run(c, datasets=["imagenet"]), ("datasets/imagenet.yaml", "does not exist")),
    "unknown suite": (
        lambda c: spoil_run(c, suite="fog"),
        ("experiments/smoke.yaml, run primitives3d-tiny/2-2/", "suite 'fog'", "robustness"),
    ),
    "unknown budget": (
        lambda c: spoil_run(c, budgets=["16"]),
        ("experiments/smoke.yaml, run primitives3d-tiny/2-2/", "budget '16'", "total-<images>"),
    ),
    "seed that no generator takes": (
        lambda c: spoil_run(c, seeds=[-1]),
        ("experiments/smoke.yaml", "`runs.0.seeds.0`", "greater than or equal to 0"),
    ),
    "seed of a protocol that no generator takes": (
        lambda c: change(c / "protocols/2-2.yaml", order="seed", order_seed=-3),
        ("protocols/2-2.yaml", "`order_seed`", "greater than or equal to 0"),
    ),
    "key that is written twice": (
        lambda c: (c / "protocols/2-2.yaml").write_text("base: 2\nincrement: 2\nbase: 3\n"),
        ("protocols/2-2.yaml", "has the key `base` in line 1 and again in line 3"),
    ),
    "table of another experiment": (
        lambda c: spoil_table(c, name="summary"),
        ("experiments/smoke.yaml", "tables `summary` is also in laptop"),
    ),
    "budget below the number of classes": (
        lambda c: spoil_run(c, budgets=["total-3"]),
        ("budget total-3", "4 classes", "total-4"),
    ),
    "byte budget below the number of classes": (
        lambda c: spoil_run(c, budgets=["bytes-40000"]),
        ("budget bytes-40000", "4 classes"),
    ),
    "more classes than the dataset has": (
        lambda c: change(c / "protocols/2-2.yaml", classes=9),
        ("protocol", "9 of 4 classes"),
    ),
    "unknown kind of table": (
        lambda c: change(c / "experiments/smoke.yaml", tables=[{"name": "t", "kind": "pie", "caption": "c"}]),
        ("experiments/smoke.yaml", "`pie`", "summary"),
    ),
    "unknown option of a table": (
        lambda c: spoil_table(c, options={"colour": "red"}),
        ("experiments/smoke.yaml, options of `smoke-summary`", "`colour`"),
    ),
    "unknown column to select by": (
        lambda c: spoil_table(c, select={"methud": ["x"]}),
        ("experiments/smoke.yaml", "methud", "method"),
    ),
    "name that is a path": (lambda c: spoil_table(c, name="a/b"), ("experiments/smoke.yaml", "`tables.0.name`")),
    "name that Snakemake would split": (
        lambda c: spoil_run(c, methods=["my_method"]),
        ("experiments/smoke.yaml", "`runs.0.methods.0`: `my_method` is not a valid name", "not `_`: 100 characters"),
    ),
    "aligner of latents that grow": (
        lambda c: spoil_run(c, methods=["der"], aligners=["eli-smoke"]),
        ("experiments/smoke.yaml", "`der`", "wider"),
    ),
    "not YAML": (
        lambda c: (c / "experiments/smoke.yaml").write_text("runs: [a, {"),
        ("experiments/smoke.yaml", "not valid YAML"),
    ),
    "extends itself": (
        lambda c: change(c / "recipes/laptop.yaml", extends="laptop"),
        ("recipes/laptop.yaml", "extends itself"),
    ),
    "own data that is not there": (
        lambda c: change(c / "datasets/primitives3d-tiny.yaml", generator=None, root="own/images"),
        ("datasets/primitives3d-tiny.yaml", "own/images", "not a folder"),
    ),
}


@pytest.mark.parametrize("case", SPOILED)
def test_check_refuses_a_spoiled_configuration(config: Path, tmp_path: Path, case: str) -> None:
    spoil, expected = SPOILED[case]
    spoil(config)
    before = files(tmp_path)
    assert_refused(run("cli", tmp_path, "check", "smoke", "--config", config), *expected)
    assert files(tmp_path) == before


def test_check_refuses_an_unknown_experiment(config: Path, tmp_path: Path) -> None:
    done = run("cli", tmp_path, "check", "laptob", "--config", config)
    assert_refused(done, "experiments/laptob.yaml", "does not exist. Did you mean `laptop`? Known in experiments: ")


@pytest.mark.parametrize("name", ["laptop,", "../experiments/laptop"])
def test_check_refuses_what_is_no_name(tmp_path: Path, name: str) -> None:
    assert_refused(run("cli", tmp_path, "check", name), f"`{name}`", "name")


def test_snakemake_says_the_same_without_a_traceback(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "snakemake",
        "--snakefile",
        ROOT / "Snakefile",
        "--directory",
        tmp_path,
        "-c1",
        "-n",
    ]
    done = subprocess.run([*command, "--config", "experiment=laptob"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1
    assert "experiments/laptob.yaml: does not exist. Did you mean `laptop`? Known in" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def resolve(folder: Path, out: str, **options: object) -> subprocess.CompletedProcess:
    """Run the stage `resolve` for a run of the smoke experiment."""
    names = {
        "dataset": "primitives3d-tiny",
        "protocol": "2-2",
        "method": "icarl-smoke",
        "budget": "total-16",
        "seed": "0",
    }
    names |= {name: str(value) for name, value in options.items()}
    arguments = [part for name, value in names.items() for part in (f"--{name}", value)]
    return run("stages.resolve", folder, "--config", ROOT / "config", *arguments, "--out", out)


def test_resolve_refuses_a_negative_seed(tmp_path: Path) -> None:
    assert_refused(resolve(tmp_path, "run.json", seed=-1), "`seed`")
    assert files(tmp_path) == set()


def test_a_file_where_a_folder_should_be(tmp_path: Path) -> None:
    (tmp_path / "results").write_text("in the way")
    assert_refused(
        resolve(tmp_path, "results/run.json"), "results/run.json", "cannot be written", "file stands where a folder"
    )
    assert files(tmp_path) == {"results"}


def test_a_folder_where_a_file_should_be(tmp_path: Path) -> None:
    (tmp_path / "run.json").mkdir()
    done = run("stages.score", tmp_path, "--run", "run.json", "--predictions", "p", "--ledgers", "l", "--out", "s.csv")
    assert_refused(done, "run.json", "is not a file")
    assert files(tmp_path) == set()


def test_a_truncated_run_file(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text('{"key": {')
    done = run("stages.score", tmp_path, "--run", "run.json", "--predictions", "p", "--ledgers", "l", "--out", "s.csv")
    assert_refused(done, "run.json", "not valid JSON", "Delete it")


def test_truncated_predictions_and_ledgers(tmp_path: Path) -> None:
    assert resolve(tmp_path, "run.json").returncode == 0
    (tmp_path / "step0").mkdir()
    (tmp_path / "p.parquet").write_bytes(b"PAR1 and no more")
    (tmp_path / "step0/ledger.csv").write_text("name,bytes\n")
    command = ("stages.score", tmp_path, "--run", "run.json", "--ledgers", "step0/ledger.csv", "--out", "s.csv")
    assert_refused(run(*command, "--predictions", "p.parquet"), "p.parquet", "truncated", "predict again")
    assert_refused(run(*command, "--predictions", "absent.parquet"), "absent.parquet", "does not exist")
    assert not (tmp_path / "s.csv").exists() and not (tmp_path / "score.record.json").exists()


def test_a_record_of_another_layout_is_not_logged(tmp_path: Path) -> None:
    (tmp_path / "train.record.json").write_text('{"schema_version": 99}')
    done = run("stages.track", tmp_path, "--experiment", "e", "--records", "train.record.json", "--out", "e.json")
    assert_refused(done, "train.record.json", "record")
    assert files(tmp_path) == {"train.record.json"}


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Working folder with the rendered files of a dataset of one class and its settings."""
    folder = tmp_path_factory.mktemp("raw")
    settings = {
        "description": "One chair.",
        "root": "data/raw/chairs",
        "generator": {"train_per_class": 1, "test_per_class": 1, "ood_per_class": 1},
        "classes": ["chair"],
        "image_size": [48, 48],
        "focal": 180.0,
        "test_sets": {"clean": {"layout": "pascal3d"}},
        "suites": {"clean": ["clean"]},
    }
    (folder / "chairs.yaml").write_text(yaml.safe_dump(settings))
    done = run("stages.generate", folder, "--dataset", "chairs.yaml", "--out", "data/raw/chairs")
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def spoilable(raw: Path, tmp_path: Path) -> Path:
    """A copy of the working folder, to be spoiled."""
    return Path(shutil.copytree(raw, tmp_path / "copy"))


def prepare(folder: Path, workers: int = 1) -> subprocess.CompletedProcess:
    names = ("--dataset", "chairs.yaml", "--out", "data/prepared/chairs")
    return run("stages.prepare", folder, *names, "--workers", str(workers))


def only(folder: Path, pattern: str) -> Path:
    """First file below ``folder`` that matches."""
    return sorted(folder.rglob(pattern))[0]


def test_missing_image(spoilable: Path) -> None:
    image = only(spoilable, "*train*.JPEG")
    image.unlink()
    assert_refused(prepare(spoilable), image.name)
    assert not (spoilable / "data/prepared/chairs").exists()


@pytest.mark.parametrize("workers", [1, 2])
def test_truncated_image(spoilable: Path, workers: int) -> None:
    image = only(spoilable, "*train*.JPEG")
    image.write_bytes(image.read_bytes()[:200])
    assert_refused(prepare(spoilable, workers), image.name)
    assert not (spoilable / "data/prepared/chairs").exists()


def test_annotation_without_a_viewpoint(spoilable: Path) -> None:
    annotation = only(spoilable, "*train*.mat")
    record = {"objects": {"class": "chair", "bbox": [1.0, 1.0, 9.0, 9.0], "cad_index": 1}}
    scipy.io.savemat(annotation, {"record": record})
    assert_refused(prepare(spoilable), annotation.name, "viewpoint")
    assert not (spoilable / "data/prepared/chairs").exists()


def test_class_without_images(spoilable: Path) -> None:
    only(spoilable, "chair_imagenet_train.txt").write_text("")
    assert_refused(prepare(spoilable), "chair")
    assert not (spoilable / "data/prepared/chairs").exists()


def test_generate_refuses_a_dataset_that_is_not_rendered(spoilable: Path) -> None:
    change(spoilable / "chairs.yaml", generator=None)
    done = run("stages.generate", spoilable, "--dataset", "chairs.yaml", "--out", "data/raw/more")
    assert_refused(done, "chairs.yaml", "generator")


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KiB; needs the right to mount."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk], capture_output=True)
    if mounted.returncode != 0:
        pytest.skip("this user may not mount a file system; test_file_size_limit covers the message")
    yield disk
    subprocess.run(["umount", disk], check=True)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_disk_full_while_rendering(full_disk: Path, raw: Path, workers: str) -> None:
    names = ("--dataset", "chairs.yaml", "--out", full_disk / "chairs")
    done = run("stages.generate", raw, *names, "--workers", workers)
    assert_refused(done, str(full_disk), "No space left", "Free disk space")
    assert files(full_disk) == set()


def test_disk_full_keeps_the_earlier_file(full_disk: Path) -> None:
    assert resolve(full_disk, "run.json").returncode == 0
    before = (full_disk / "run.json").read_bytes()
    (full_disk / "resolve.record.json").unlink()
    (full_disk / "ballast").write_bytes(b"0" * (os.statvfs(full_disk).f_bavail * os.statvfs(full_disk).f_frsize))
    assert_refused(resolve(full_disk, "run.json", seed=1), "run.json", "No space left", "finished files are kept")
    assert (full_disk / "run.json").read_bytes() == before
    assert not [name for name in files(full_disk) if name.endswith(".tmp")]


def test_file_size_limit(tmp_path: Path) -> None:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))

    command = ("--dataset", "primitives3d-tiny", "--protocol", "2-2", "--method", "icarl-smoke", "--budget", "total-16")
    done = run(
        "stages.resolve", tmp_path, "--config", ROOT / "config", *command, "--seed", "0", "--out", "run.json",
        preexec_fn=limit,
    )  # fmt: skip
    assert_refused(done, "run.json", "cannot be written", "File too large")
    assert files(tmp_path) == set()
