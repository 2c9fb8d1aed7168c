"""Scripts of an environment that was moved or copied run its own interpreter."""

import subprocess
import sys
from pathlib import Path

import pytest

from meshcil.cli.environment import adapt

SHORT = "#!/old/.venv/bin/python3\n"
LONG = "#!/bin/sh\n'''exec' \"/old place/.venv/bin/python\" \"$0\" \"$@\"\n' '''\n"
PROGRAM = "import sys\nprint(sys.argv[0], sys.argv[1:])\n"


@pytest.mark.parametrize("name", ["moved", "a new place", "long" * 30])
@pytest.mark.parametrize("head", [SHORT, LONG])
def test_the_scripts_run_again(head: str, name: str, tmp_path: Path) -> None:
    folder = tmp_path / name / "bin"
    folder.mkdir(parents=True)
    (folder / "python").symlink_to(sys.executable)
    others = {"tool": b"\x7fELF #!/old/.venv/bin/python3\n", "run.sh": b"#!/bin/sh\necho\n"}
    for other, content in others.items():
        (folder / other).write_bytes(content)
    script = folder / "say"
    script.write_text(head + PROGRAM)
    script.chmod(0o755)
    for _ in range(2):
        adapt(folder.parent)
        done = subprocess.run([script, "a b"], capture_output=True, text=True, check=True)
        assert done.stdout == f"{script} ['a b']\n"
        assert len(script.read_bytes().splitlines()[0]) < 128
    assert {other: (folder / other).read_bytes() for other in others} == others
