"""Daemons on loopback, each with files and ports of its own; ended by their process ids."""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

SLURM = """
ClusterName=meshcil
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={control_port}
SlurmdPort={node_port}
SlurmUser=root
AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SlurmdParameters=config_overrides
ReturnToService=2
MinJobAge=7200
KillWait=10
NodeName={host} NodeAddr=127.0.0.1 CPUs=4 RealMemory=64000 State=UNKNOWN
PartitionName=debug Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def free_port() -> int:
    """A port on loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def daemon(command: Sequence[str], log: Path, user: str | None = None, **environment: str) -> Iterator[int]:
    """A process that is ended with the block: politely, then by force."""
    with log.open("ab") as stream:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=os.environ | environment,
            user=user,
            group=user,
            extra_groups=[] if user else None,
        )
    try:
        yield process.pid
    finally:
        process.send_signal(signal.SIGINT if user else signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def wait_until(ready: Callable[[], bool], what: str, seconds: float = 60) -> None:
    """Wait for a condition.

    Raises:
        AssertionError: when it does not come true.
    """
    deadline = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < deadline, f"{what} within {seconds:.0f} s"
        time.sleep(0.3)


def succeeds(*command: str, **environment: str) -> bool:
    """Whether a command ends well."""
    return subprocess.run(command, capture_output=True, env=os.environ | environment).returncode == 0


@contextmanager
def slurm_cluster(folder: Path) -> Iterator[Mapping[str, str]]:
    """A cluster of this one machine, without accounting; the environment in which its commands work."""
    for name in ("state", "spool"):
        (folder / name).mkdir()
    key = folder / "munge.key"
    key.write_bytes(secrets.token_bytes(1024))
    key.chmod(0o400)
    ports = {"control_port": free_port(), "node_port": free_port()}
    configuration = folder / "slurm.conf"
    host = socket.gethostname().split(".")[0]
    configuration.write_text(SLURM.format(host=host, folder=folder, **ports))
    environment = _commands(folder / "bin", configuration)
    munged = ["munged", "--foreground", "--force", f"--key-file={key}", f"--socket={folder}/munge.socket"]
    munged += [f"--{name}-file={folder}/munge.{name}" for name in ("log", "pid", "seed")]
    with ExitStack() as stack:
        stack.enter_context(daemon(munged, folder / "munged.out"))
        wait_until((folder / "munge.socket").is_socket, "munged listens")
        for name in ("slurmctld", "slurmd"):
            stack.enter_context(daemon([name, "-D"], folder / f"{name}.out", **environment))
        wait_until(lambda: succeeds("scontrol", "ping", **environment), "slurmctld answers")
        wait_until(lambda: _is_idle(environment), "the node is idle")
        try:
            yield environment
        finally:
            subprocess.run(["scancel", "--user=root"], env=os.environ | environment, capture_output=True)
            time.sleep(2)


def _commands(folder: Path, configuration: Path) -> dict[str, str]:
    """Slurm's commands with this configuration: a variable alone would not reach the steps of a job."""
    folder.mkdir()
    for name in ("sbatch", "scancel", "scontrol", "sinfo", "squeue", "srun", "sacct"):
        path = folder / name
        path.write_text(f'#!/bin/sh\nSLURM_CONF={configuration} exec {shutil.which(name)} "$@"\n')
        path.chmod(0o755)
    return {"PATH": f"{folder}:{os.environ['PATH']}", "SLURM_CONF": str(configuration)}


def _is_idle(environment: Mapping[str, str]) -> bool:
    command = ["sinfo", "--noheader", "--format", "%T"]
    return (
        subprocess.run(command, capture_output=True, text=True, env=os.environ | environment).stdout.strip() == "idle"
    )


@contextmanager
def postgresql(folder: Path) -> Iterator[str]:
    """A database server; the address of an empty database."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))[-1]
    shutil.chown(folder, "postgres")
    data, port = folder / "data", free_port()
    initialise = [str(programs / "initdb"), "-D", str(data), "-U", "meshcil", "-A", "trust", "-E", "UTF8"]
    subprocess.run(initialise, check=True, capture_output=True, user="postgres", group="postgres", extra_groups=[])
    server = [str(programs / "postgres"), "-D", str(data), "-h", "127.0.0.1", "-p", str(port), "-k", str(folder)]
    with daemon(server, folder / "postgres.out", user="postgres"):
        probe = [str(programs / "pg_isready"), "-h", "127.0.0.1", "-p", str(port)]
        wait_until(lambda: succeeds(*probe), "PostgreSQL answers")
        create = ["psql", "-h", "127.0.0.1", "-p", str(port), "-U", "meshcil", "postgres", "-c", "create database runs"]
        subprocess.run(create, check=True, capture_output=True)
        yield f"postgresql://meshcil@127.0.0.1:{port}/runs"


@contextmanager
def mlflow_server(database: str, folder: Path) -> Iterator[str]:
    """An MLflow server on a database; its address."""
    python = Path(sys.executable)
    port = free_port()
    migrate = [str(python), "-m", "mlflow", "db", "upgrade", database]
    subprocess.run(migrate, check=True, capture_output=True)
    server = [str(python), "-m", "mlflow", "server", "--backend-store-uri", database, "--host", "127.0.0.1"]
    server += ["--port", str(port), "--workers", "1", "--artifacts-destination", str(folder / "artifacts")]
    with daemon(server, folder / "mlflow.out"):
        address = f"http://127.0.0.1:{port}"
        wait_until(lambda: succeeds("curl", "-sf", f"{address}/health"), "MLflow answers", 300)
        yield address
