"""What `make audit-packages` found: vulnerabilities of locked packages, and packages that could not be asked about.

pip-audit passes packages that its database does not answer for; here they are no success.
"""

import sys
from pathlib import Path

from meshcil.core.artifacts import read_json
from meshcil.core.errors import InputError


def report(found: Path) -> int:
    """Print what pip-audit wrote as JSON; the exit code: 1 for vulnerabilities, 3 for what could not be asked."""
    try:
        packages = read_json(found)["dependencies"]
    except InputError:
        print(f"Nothing was checked: the database of vulnerabilities cannot be reached (see {found.with_name('log')})")
        return 3
    known = [(package, entry) for package in packages for entry in package.get("vulns", [])]
    for package, entry in known:
        mended = ", ".join(entry.get("fix_versions", [])) or "no version"
        print(f"{package['name']} {package['version']}: {entry['id']}, mended in {mended}")
    unknown = [package["name"] for package in packages if "skip_reason" in package]
    if unknown:
        print(f"{len(unknown)} of {len(packages)} packages could not be looked up in the database: {unknown[0]}")
    if not known and not unknown:
        print(f"OK: no vulnerability of the {len(packages)} locked packages is known")
    return 1 if known else 3 if unknown else 0


if __name__ == "__main__":
    raise SystemExit(report(Path(sys.argv[1])))
