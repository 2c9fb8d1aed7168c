"""Entry point of `meshcil`, also as `python -m meshcil.cli`: signals, terminal and place, then the command itself."""

import os
import signal
import sys
from io import TextIOWrapper
from types import FrameType


def main() -> None:
    """Run the command line; an interrupt ends it with one line and the exit code that shells expect (130)."""
    # Before anything heavy is imported, where an interrupt would print a traceback.
    signal.signal(signal.SIGINT, _stop)
    # Zero columns, as some terminals and schedulers have it, would make rich print nothing.
    if not os.environ.get("COLUMNS", "1").strip("0"):
        del os.environ["COLUMNS"]
    # What an output cannot encode (a degree sign in ASCII) is replaced, and no reason to fail.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        from meshcil.cli.application import app
        from meshcil.stages.command import run
    except ModuleNotFoundError as error:
        print(
            f"error: meshcil: needs the package `{error.name}`, which is not installed for {sys.executable}. "
            "Run `make setup` in the checkout and use `.venv/bin/meshcil`",
            file=sys.stderr,
        )
        sys.exit(2)
    run(app, sys.argv[1:])


def _stop(number: int, _frame: FrameType | None) -> None:
    # A second interrupt would cut off the end that the first one began.
    signal.signal(number, signal.SIG_IGN)
    print("\nInterrupted", file=sys.stderr)
    sys.exit(128 + number)


if __name__ == "__main__":
    main()
