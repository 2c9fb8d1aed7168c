"""Run a stage as `python -m meshcil.stages.<stage>` does, isolated, and without importing its libraries anew.

    python -I workflow/scripts/stage.py <stage> <arguments>       run a stage
    python -I workflow/scripts/stage.py --serve                   keep a process from which stages start

Most jobs last a second, and importing their libraries took three. On one machine, `meshcil submit` therefore keeps a
server that imports the third-party libraries once, at the first job, and forks for each. Standard output, standard
error, working folder, environment, signals and exit code are those of the caller. The server never imports `meshcil`:
each job loads its own modules, so that digests and records are the same either way. Without a server (a cluster, a
command typed by hand) the stage runs in a process of its own.

Only the standard library is used here. Jobs are isolated from what is not locked (`-I`: no PYTHONPATH, no modules of
the working folder or of the user's home).
"""

import ctypes
import gc
import json
import os
import runpy
import selectors
import signal
import socket
import struct
import sys
import traceback
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

SERVER = "MESHCIL_STAGE_SERVER"
"""Variable with the server's address, a socket without a file (Linux)."""
LIBRARIES = (
    *(
        "numpy",
        "pandas",
        "pyarrow.parquet",
        "scipy.optimize",
        "pydantic",
        "yaml",
        "typer",
        "rich.console",
        "matplotlib.pyplot",
    ),
    *(
        "PIL.Image",
        "safetensors.torch",
        "torch",
        "torch._dynamo",
        "torchvision",
        "kornia",
        "sklearn.cluster",
        "trimesh",
    ),
)
_FORWARDED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
_HEAD = struct.Struct("!I")
_DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG


def main() -> None:
    """Serve, or run the stage that the arguments name."""
    if sys.argv[1:] == ["--serve"]:
        serve()
        return
    stage, *arguments = sys.argv[1:]
    address = os.environ.pop(SERVER, None)
    connection = _connected(address) if address else None
    if connection is None:
        _limit_threads()
        os.execv(sys.executable, [sys.executable, "-I", "-m", f"meshcil.stages.{stage}", *arguments])
    _finish(_delegate(connection, stage, arguments))


def _limit_threads() -> None:
    """Hold libraries that are not imported yet to one thread: a stage would come too late to say so.

    They all go by `OMP_NUM_THREADS`, unless a variable of their own is set (`MKL_NUM_THREADS`).
    """
    own = [name for name in os.environ if name.endswith("_NUM_THREADS")]
    os.environ.update(dict.fromkeys(["OMP_NUM_THREADS", *own], "1"))


def _connected(address: str) -> socket.socket | None:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    with suppress(OSError):
        connection.connect(f"\0{address}")
        return connection
    connection.close()
    return None


def _delegate(connection: socket.socket, stage: str, arguments: list[str]) -> int:
    """Have the server run a stage; its wait status."""
    job = {"stage": stage, "arguments": arguments, "folder": str(Path.cwd()), "environment": dict(os.environ)}
    text = json.dumps(job).encode("utf-8", "surrogateescape")
    socket.send_fds(connection, [_HEAD.pack(len(text))], [1, 2])
    connection.sendall(text)
    for number in _FORWARDED:
        signal.signal(number, lambda received, _frame: connection.sendall(_HEAD.pack(received)))
    answer = connection.recv(_HEAD.size, socket.MSG_WAITALL)
    # No answer: the server was killed, and its jobs with it.
    return _HEAD.unpack(answer)[0] if len(answer) == _HEAD.size else int(signal.SIGKILL)


def _finish(status: int) -> NoReturn:
    """End as the job did."""
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        if number != signal.SIGKILL:
            signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
    sys.exit(os.WEXITSTATUS(status))


class _Server:
    """One thread that forks jobs, forwards signals to them and reports how they ended."""

    def __init__(self, address: str) -> None:
        self.jobs: dict[int, socket.socket] = {}
        self.ready = False
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(f"\0{address}")
        self.listener.listen(64)
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.listener, selectors.EVENT_READ)
        woken, self.waker = socket.socketpair()
        self.waker.setblocking(False)
        signal.set_wakeup_fd(self.waker.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self.selector.register(woken, selectors.EVENT_READ)
        self.woken = woken

    def run(self) -> None:
        while True:
            for key, _ in self.selector.select():
                if key.fileobj is self.listener:
                    self.accept()
                elif key.fileobj is self.woken:
                    self.woken.recv(4096)
                else:
                    self.hear(key.fileobj, key.data)
            self.reap()

    def accept(self) -> None:
        connection, _ = self.listener.accept()
        try:
            job, files = _asked(connection)
        except (OSError, ValueError, struct.error):
            connection.close()
            return
        self.load()
        if (process := os.fork()) == 0:
            signal.set_wakeup_fd(-1)
            self.selector.close()
            self.listener.close()
            for other in (connection, *self.jobs.values()):
                other.close()
            _become(job, files)
        for file in files:
            os.close(file)
        self.jobs[process] = connection
        self.selector.register(connection, selectors.EVENT_READ, process)

    def load(self) -> None:
        if not self.ready:
            for name in LIBRARIES:
                with suppress(ImportError):
                    import_module(name)
            # What is here stays: no job need collect or copy it.
            gc.collect()
            gc.freeze()
            self.ready = True

    def hear(self, connection: socket.socket, process: int) -> None:
        with suppress(OSError):
            message = connection.recv(_HEAD.size)
            # A caller that is gone takes its job with it, as a killed process would.
            number = _HEAD.unpack(message)[0] if len(message) == _HEAD.size else signal.SIGKILL
            if not message:
                self.selector.unregister(connection)
            os.kill(process, number)

    def reap(self) -> None:
        for process in list(self.jobs):
            found, status = os.waitpid(process, os.WNOHANG)
            if found:
                connection = self.jobs.pop(process)
                with suppress(KeyError):
                    self.selector.unregister(connection)
                with suppress(OSError):
                    connection.sendall(_HEAD.pack(status))
                connection.close()


def _asked(connection: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """The job that a caller asks for, and its standard output and error."""
    owner = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")))[1]
    if owner != os.getuid():
        raise OSError("the caller is another user")
    connection.settimeout(60)
    head, files, _, _ = socket.recv_fds(connection, _HEAD.size, 2)
    size, text = _HEAD.unpack(head)[0], b""
    while len(text) < size:
        if not (part := connection.recv(size - len(text))):
            raise OSError("the caller is gone")
        text += part
    connection.settimeout(None)
    return json.loads(text.decode("utf-8", "surrogateescape")), files


def _become(job: dict[str, Any], files: list[int]) -> NoReturn:
    """Turn this forked process into the stage, up to the end of the interpreter."""
    _die_with_parent()
    # A group of its own: the terminal's Ctrl-C comes from the caller alone.
    os.setpgid(0, 0)
    for number in (*_FORWARDED, signal.SIGCHLD):
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    for target, file in zip((1, 2), files, strict=True):
        os.dup2(file, target)
        os.close(file)
    os.chdir(job["folder"])
    os.environ.clear()
    os.environ.update(job["environment"])
    _limit_threads()
    module = f"meshcil.stages.{job['stage']}"
    sys.argv = [module, *job["arguments"]]
    sys.orig_argv[:] = [sys.executable, "-I", "-m", *sys.argv]
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit:
        raise
    except KeyboardInterrupt:
        _finish(signal.SIGINT)
    except BaseException:
        traceback.print_exc()
        sys.exit(1)
    sys.exit(0)


def _die_with_parent() -> None:
    ctypes.CDLL(None, use_errno=True).prctl(_DIE_WITH_PARENT, signal.SIGKILL)


def serve() -> None:
    """Start stages for the callers that know the address in the environment, until this process's parent ends."""
    _die_with_parent()
    # The terminal's Ctrl-C is for the jobs, whose callers pass it on.
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    _limit_threads()
    _Server(os.environ.pop(SERVER)).run()


if __name__ == "__main__":
    main()
