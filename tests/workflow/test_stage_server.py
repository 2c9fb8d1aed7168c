"""Stages that start from a process with the libraries imported: the caller must notice nothing but the time."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "workflow" / "scripts" / "stage.py"

STAGES = {
    "tell": """
import os, sys
print(os.getcwd(), sys.argv[1:], os.environ["TOLD"], sys.orig_argv[1:4], sep="|")
print("aside", file=sys.stderr)
print(any(name.startswith("meshcil") for name in sys.modules), "colorsys" in sys.modules)
""",
    "leave": "import sys; sys.exit(int(sys.argv[1]))",
    "refuse": "raise SystemExit('said why')",
    "fail": "raise OSError('broken')",
    "save": """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(75))
print("ready", flush=True)
time.sleep(60)
""",
    "wait": "import time; print('ready', flush=True); time.sleep(60)",
}
Server = tuple[Path, dict[str, str], subprocess.Popen]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """The script with stages of its own, the variable with its address, and the server."""
    package = tmp_path / "toy" / "stages"
    package.mkdir(parents=True)
    for name, text in STAGES.items():
        (package / f"{name}.py").write_text(text)
    text = SCRIPT.read_text().replace("meshcil.stages", "toy.stages")
    begin, end = text.index("LIBRARIES = ("), text.index("_FORWARDED = ")
    text = f'{text[:begin]}LIBRARIES = ("colorsys",)\nsys.path.insert(0, {str(tmp_path)!r})\n{text[end:]}'
    script = tmp_path / "stage.py"
    script.write_text(text)
    variables = {**os.environ, "MESHCIL_STAGE_SERVER": f"test-{tmp_path}"[-90:], "TOLD": "yes"}
    process = subprocess.Popen([sys.executable, "-I", script, "--serve"], env=variables, stdin=subprocess.DEVNULL)
    yield script, variables, process
    process.kill()
    process.wait()


def call(server: Server, *words: str) -> list[str]:
    return [sys.executable, "-I", str(server[0]), *words]


@contextmanager
def started(server: Server, stage: str) -> Iterator[subprocess.Popen]:
    with subprocess.Popen(call(server, stage), env=server[1], stdout=subprocess.PIPE, text=True) as job:
        assert job.stdout is not None and job.stdout.readline() == "ready\n"
        yield job


def alive(server: Server) -> list[psutil.Process]:
    jobs = psutil.Process(server[2].pid).children()
    return [job for job in jobs if job.status() != psutil.STATUS_ZOMBIE]


@pytest.fixture(autouse=True)
def listening(server: Server) -> None:
    for _ in range(200):
        if f"@{server[1]['MESHCIL_STAGE_SERVER']}" in Path("/proc/net/unix").read_text():
            return
        time.sleep(0.05)
    pytest.fail("the server does not listen")


def test_output_folder_variables_and_command_are_the_callers(server: Server, tmp_path: Path) -> None:
    done = subprocess.run(call(server, "tell", "a b"), env=server[1], cwd=tmp_path, capture_output=True, text=True)
    told, modules = done.stdout.splitlines()
    assert told == f"{tmp_path}|['a b']|yes|['-I', '-m', 'toy.stages.tell']"
    assert done.stderr == "aside\n" and done.returncode == 0
    assert modules == "False True", "the libraries are there, the project's modules are not"


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [(["leave", "0"], 0, ""), (["leave", "2"], 2, ""), (["refuse"], 1, "said why"), (["fail"], 1, "OSError: broken")],
)
def test_a_job_ends_as_a_process_would(server: Server, words: list[str], code: int, said: str) -> None:
    done = subprocess.run(call(server, *words), env=server[1], capture_output=True, text=True)
    assert done.returncode == code and said in done.stderr


def test_signals_reach_the_job_and_its_end_the_caller(server: Server) -> None:
    for stage, code in (("save", 75), ("wait", -signal.SIGTERM)):
        with started(server, stage) as job:
            job.terminate()
            assert job.wait(30) == code


def test_a_job_ends_with_its_caller_and_with_the_server(server: Server) -> None:
    with started(server, "wait") as first:
        (job,) = alive(server)
        first.kill()
        job.wait(30)
    with started(server, "wait") as second:
        (job,) = alive(server)
        server[2].kill()
        assert second.wait(30) == -signal.SIGKILL
        job.wait(30)


def test_without_a_server_the_stage_runs_by_itself(tmp_path: Path) -> None:
    variables = {**os.environ, "MESHCIL_STAGE_SERVER": "nobody-listens"}
    (tmp_path / "tqdm.py").write_text("raise SystemExit('taken from the working folder')")
    words = [sys.executable, "-I", str(SCRIPT), "collect", "--scores", "missing.csv", "--runs", "missing.json"]
    done = subprocess.run(
        [*words, "--out", "o.csv", "--metrics", "m.json"], env=variables, cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 2 and "missing" in done.stderr
