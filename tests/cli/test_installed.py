"""The command line where a package is missing: one line, no traceback."""

import subprocess
import sys
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "src"


def test_a_missing_package_is_named(tmp_path: Path) -> None:
    # Isolated and without site-packages: what an empty environment has.
    code = f"import sys; sys.path.append({str(SOURCE)!r}); from meshcil.cli import main; main()"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2 and done.stderr.startswith("error: meshcil: needs the package `typer`")
    assert "Traceback" not in done.stderr
