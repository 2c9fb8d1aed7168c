"""Snakemake's command line without its limit on jobs per second.

Whenever the limit is on, the scheduler looks at all ready jobs again a second after each look (Snakemake 9.27,
`JobScheduler.schedule`). The looks add up: after some hundred jobs they take most of a processor from the jobs
themselves. Its options have no way to switch the limit off; its settings do.
"""

import signal
import sys
from types import FrameType

_INTERRUPTED = 128 + signal.SIGINT


def _interrupt_once(number: int, _frame: FrameType | None) -> None:
    # A second interrupt would cut off the orderly end that the first one began, with pages of tracebacks.
    signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def main() -> None:
    """What `python -m snakemake` does, with its exit codes; 130 after an interrupt."""
    signal.signal(signal.SIGINT, _interrupt_once)
    try:
        # Importing takes two seconds, in which an interrupt is no less likely.
        from snakemake.cli import args_to_api, parse_args
        from snakemake.exceptions import print_exception
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)
    try:
        parser, arguments = parse_args(sys.argv[1:])
        arguments.max_jobs_per_timespan = None
        done = args_to_api(arguments, parser)
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)
    except Exception as error:
        print_exception(error)
        sys.exit(1)
    sys.exit(0 if done else 1)


if __name__ == "__main__":
    main()
