"""The programs a cluster needs: found, or installed where that is possible, or a reason to skip."""

import os
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

PACKAGES = {
    "slurm-wlm": "/usr/sbin/slurmctld",
    "munge": "/usr/sbin/munged",
    "postgresql": "/usr/lib/postgresql/*/bin/postgres",
}
POLICY = Path("/usr/sbin/policy-rc.d")


def missing(packages: Iterable[str]) -> list[str]:
    """Packages whose program is not there."""
    return [name for name in packages if not list(Path("/").glob(PACKAGES[name].lstrip("/")))]


def reason_to_skip(*packages: str) -> str | None:
    """Install ``packages`` where they are missing; why that is impossible, or None."""
    wanted = missing(packages)
    if os.geteuid() != 0:
        # The daemons start jobs and databases under other names.
        return "needs root to start a cluster's daemons"
    if not wanted:
        return None
    if not Path("/etc/debian_version").is_file() or shutil.which("apt-get") is None:
        return f"needs {', '.join(wanted)}, which can only be installed on Debian"
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    with _services_stay_down():
        for command in (["update"], ["install", "-y", "--no-install-recommends", *wanted]):
            done = subprocess.run(["apt-get", *command], capture_output=True, text=True, env=environment, timeout=600)
    left = missing(packages)
    return f"{', '.join(left)} could not be installed: {done.stderr.strip()[-300:]}" if left else None


@contextmanager
def _services_stay_down() -> Iterator[None]:
    """Installing must not start daemons: the test starts its own, on ports and files of its own."""
    if POLICY.exists():
        yield
        return
    POLICY.write_text("#!/bin/sh\nexit 101\n")
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        POLICY.unlink()
