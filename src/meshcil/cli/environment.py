"""Let the scripts of a virtual environment run where it lies now: `make` does so after a folder was moved or copied."""

import re
import sys
from pathlib import Path

_INTERPRETER = re.compile(rb"""^(#!|'''exec' ")/[^\n"]*/bin/python[0-9.]*(?=["\n])""", re.MULTILINE)
_LONGEST = 125
"""Bytes of an interpreter's path that Linux before 5.1 reads behind `#!`."""


def adapt(environment: Path) -> None:
    """Name the environment's own interpreter in all of its scripts."""
    python = str(environment.resolve() / "bin/python").encode()
    unfit = b" " in python or len(python) > _LONGEST
    for script in sorted((environment / "bin").iterdir()):
        content = script.read_bytes() if script.is_file() and not script.is_symlink() else b""
        head, body = content[:512], content[512:]
        if head.startswith(b"#!") and _INTERPRETER.search(head):
            # A path with a space, or a long one, cannot stand behind `#!`; there, pip writes a shell script as well.
            mended = _INTERPRETER.sub(lambda match: match[1] + python, head)
            if mended.startswith(b"#!/") and not mended.startswith(b"#!/bin/sh") and unfit:
                mended = b"#!/bin/sh\n'''exec' \"" + python + b'" "$0" "$@"\n\' \'\'\'' + mended[mended.index(b"\n") :]
            mode = script.stat().st_mode
            # A new file: the old one may be a hard link that the other environment shares.
            script.unlink()
            script.write_bytes(mended + body)
            script.chmod(mode)


if __name__ == "__main__":
    adapt(Path(sys.argv[1]))
