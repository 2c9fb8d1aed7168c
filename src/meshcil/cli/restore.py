"""`meshcil restore`: published results back in a clone, without training again."""

import subprocess
import sys

from meshcil.cli.profiles import profile_folder
from meshcil.cli.publish import call_dvc, refuse_differences
from meshcil.cli.submit import lock
from meshcil.core.code_digest import repository_root
from meshcil.core.errors import InputError
from meshcil.lineage.versions import LOCK, kept_experiments


def restore(here: str = "") -> str:
    """Get results from the remote and let the workflow take them for its own, if the audit passes.

    Args:
        here: experiments whose results were copied into this folder by other means; then nothing is fetched.

    Returns:
        What the workflow says it would still run.

    Raises:
        InputError: when results cannot be had, or are not what the records and dvc.lock say.
    """
    if not (here or LOCK.is_file()):
        raise InputError(LOCK, "does not exist; this commit publishes no results", "Run `make reproduce`")
    lock()
    if not here:
        call_dvc(
            "pull", "Check the remote: `dvc remote list`; another place: `dvc remote modify --local local url PLACE`"
        )
    refuse_differences("Check out the commit that made them; nothing was marked as up to date")
    experiments = here or kept_experiments()
    # File times of a clone mean nothing. Only what was just checked is marked as newer than what it was made from.
    _snakemake(experiments, "--touch", "--forceall")
    left = _snakemake(experiments, "--dry-run", "--quiet", "rules")
    return "nothing" if "Nothing to be done" in left else left


def _snakemake(experiments: str, *arguments: str) -> str:
    place = [
        "--profile",
        "none",
        "--snakefile",
        str(repository_root() / "Snakefile"),
        "--workflow-profile",
        str(profile_folder() / "default"),
    ]
    chosen = ["--nolock", *arguments, "--config", f"experiment={experiments}"]
    done = subprocess.run([sys.executable, "-P", "-m", "snakemake", *place, *chosen], capture_output=True, text=True)
    if done.returncode:
        raise InputError("snakemake", done.stderr.strip() or done.stdout.strip(), "Run `make reproduce`")
    return (done.stdout + done.stderr).strip()
