"""What every stage's command line shares: errors as messages, lists of values, thread limits."""

import gc
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

import typer

from meshcil.core.errors import InputError


def execute(stage: Callable[..., None], arguments: Sequence[str] | None = None) -> None:
    """Run ``stage`` as a command with the process's arguments; see `run`."""
    # What was imported stays: no collection, the one at the exit included, need go through it (0.6 s with torch).
    gc.freeze()
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(stage)
    run(app, repeat_options(sys.argv[1:] if arguments is None else arguments))


def run(app: typer.Typer, arguments: Sequence[str]) -> None:
    """Run a command line application; bad input is one message and exit code 2, without a traceback.

    So are files and folders of another account, wherever they turn up.
    """
    try:
        app(args=list(arguments))
    except InputError as error:
        _refuse(error)
    except PermissionError as error:
        where, cause = error.filename or "a file", f"cannot be used ({error.strerror})"
        _refuse(InputError(where, cause, "Check who owns it and its permissions", "a-checkout-for-a-group"))


def _refuse(error: InputError) -> NoReturn:
    print(f"error: {error}", file=sys.stderr)
    raise SystemExit(2) from error


def repeat_options(arguments: Sequence[str]) -> list[str]:
    """Turn ``--scores a b`` into ``--scores a --scores b``, which is what the parser of options accepts."""
    repeated: list[str] = []
    option = ""
    for word in arguments:
        if word.startswith("--"):
            option = word
        elif repeated and repeated[-1] != option:
            repeated.append(option)
        repeated.append(word)
    return repeated


def require_positive(option: str, count: int) -> None:
    """Check a number of threads or processes. Raises InputError naming the option, when it is less than 1."""
    if count < 1:
        raise InputError(f"{option} {count}", "is less than 1", "Give 1 or more")


def limit_threads(threads: int) -> None:
    """Hold the numeric libraries of this process, loaded already or not, to ``threads`` threads.

    Raises InputError when it is less than 1.
    """
    require_positive("--threads", threads)
    # All go by the first, unless a variable of their own is set.
    own = [name for name in os.environ if name.endswith("_NUM_THREADS")]
    os.environ.update(dict.fromkeys(["OMP_NUM_THREADS", *own], str(threads)))
    torch: Any = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(threads)


@contextmanager
def progress_bar(title: str) -> Iterator[Callable[[int, int], None]]:
    """A bar of images where the output is a terminal; yields what moves it, given how many are done and of how many."""
    from tqdm import tqdm

    with tqdm(desc=title, unit="image", disable=not sys.stderr.isatty()) as bar:

        def show(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield show
