"""A folder is judged by a fresh clone: its own code, git and environment have no say."""

import shutil
import sysconfig
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

from meshcil.cli.verify import verify
from meshcil.core.errors import InputError
from meshcil.lineage import installed
from tests.cli.conftest import stand_in
from tests.cli.test_audit import FIRST, RUN, append
from tests.lineage.test_record import git

pytestmark = pytest.mark.usefixtures("locked_packages")


@pytest.fixture
def clone(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clone of the folder's commit, whose code is the one that runs."""
    folder = checkout.with_name("clone")
    git(checkout.parent, "clone", "--quiet", str(checkout), str(folder))
    stand_in(monkeypatch, folder)
    return folder


def named(folder: Path) -> list[str]:
    return [finding.partition(":")[0] for finding in verify(folder).findings]


def test_results_with_and_without_their_code_pass(clone: Path, checkout: Path) -> None:
    found = verify(checkout)
    assert found.findings == () and found.jobs > 30 and found.notes[0].startswith("judged by the code and the settings")
    for name in ("src", "config"):
        shutil.rmtree(checkout / name)
    git(checkout, "config", "core.fsmonitor", "touch called")
    found = verify(checkout)
    # The templates of the page were read in the folder, where they are gone.
    assert [finding.partition(":")[0] for finding in found.findings] == ["src/meshcil/reporting/templates"]
    assert "the folder holds no code: only results, reports and data are judged" in found.notes
    assert not (checkout / "called").exists()


def test_code_and_results_of_the_folder_are_compared_with_the_commit(clone: Path, checkout: Path) -> None:
    edited, absent = "src/meshcil/core/hashing.py", "config/methods/der.yaml"
    (checkout / edited).write_text("raise SystemExit('never run')\n")
    git(checkout, "update-index", "--assume-unchanged", edited)
    (checkout / absent).unlink()
    for surplus in ("tqdm.py", "src/meshcil/evaluation/extra.py"):
        (checkout / surplus).write_text("raise SystemExit('never run')\n")
    append(checkout / FIRST / "state.safetensors")()
    expected = {edited, absent, "tqdm.py", "src/meshcil/evaluation/extra.py", f"{FIRST}/state.safetensors"}
    assert set(named(checkout)) == expected


def test_packages_of_the_folder_are_compared_with_those_of_the_clone(
    clone: Path, checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Path | None] = []
    monkeypatch.setattr("meshcil.cli.verify.check_installed", lambda folder=None: asked.append(folder) or [])
    packages = Path(".venv/lib/python3.11/site-packages")
    (checkout / packages).mkdir(parents=True)
    assert verify(checkout).findings == () and asked == [None, packages]


def test_what_is_no_judge_is_refused(clone: Path, checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="is no folder"):
        verify(clone / "nowhere")
    with pytest.raises(InputError, match="own code comes from"):
        verify(clone)
    with monkeypatch.context() as patch:
        patch.syspath_prepend(str(checkout))
        with pytest.raises(InputError, match="own code comes from"):
            verify(checkout)
    append(clone / "src/meshcil/cli/verify.py")()
    with pytest.raises(InputError, match=r"is not commit \w+ \(src/meshcil/cli/verify.py: is not the file"):
        verify(checkout)
    assert RUN.name == "seed0"


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An environment with two packages, of which jobs import one."""
    folder = tmp_path / "site-packages"
    texts = {"torch/__init__.py": "A = 1\n", "torch/_c.so": "binary", "other/__init__.py": "B = 1\n"}
    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    lines = [f"{name},sha256={installed.encoded(folder / name)},{(folder / name).stat().st_size}" for name in texts]
    for package in ("torch-1.dist-info", "other-1.dist-info"):
        (folder / package).mkdir()
        own = [line for line in lines if line.startswith(package.partition("-")[0])]
        (folder / package / "RECORD").write_text("\n".join([*own, f"{package}/RECORD,,"]) + "\n")
    true = sysconfig.get_path
    monkeypatch.setattr(installed.sysconfig, "get_path", lambda name: str(folder) if name == "purelib" else true(name))
    installed.check_installed.cache_clear()
    return folder


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("torch/__init__.py", "A = 2\n", "site-packages/torch/__init__.py: is not the file"),
        ("torch/_c.so", "binary and more", "site-packages/torch/_c.so: is not the file"),
        ("evil.pth", "import evil\n", "site-packages/evil.pth: holds what belongs to no installed package"),
        ("sitecustomize.py", "", "site-packages/sitecustomize.py: holds what belongs to no installed package"),
        ("other/__init__.py", None, "site-packages/other/__init__.py: is missing"),
    ],
)
def test_installed_files_are_those_of_their_packages(
    packages: Path, name: str, text: str | None, expected: str
) -> None:
    assert installed.check_installed() == []
    installed.check_installed.cache_clear()
    if text is None:
        (packages / name).unlink()
    else:
        (packages / name).write_text(text)
    found = installed.check_installed()
    installed.check_installed.cache_clear()
    assert [finding for finding in found if finding.startswith(expected)], found


def test_of_another_environment_every_file_is_hashed(packages: Path, tmp_path: Path) -> None:
    other = Path(shutil.copytree(packages, tmp_path / "other/site-packages"))
    (other / "torch/_c.so").write_text("BINARY")
    found = installed.check_installed(other)
    installed.check_installed.cache_clear()
    assert found == ["site-packages/torch/_c.so: is not the file that its package's RECORD names"]


def test_what_a_python_brings_to_run_first_is_its_own(
    packages: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stdlib, elsewhere = tmp_path / "stdlib", tmp_path / "etc/sitecustomize.py"
    for folder in (stdlib, elsewhere.parent):
        folder.mkdir()
    elsewhere.write_text("")
    (stdlib / "sitecustomize.py").symlink_to(elsewhere)
    true = installed.sysconfig.get_path
    monkeypatch.setattr(installed.sysconfig, "get_path", lambda name: str(stdlib) if name == "stdlib" else true(name))
    for place, expected in ((stdlib / "sitecustomize.py", []), (elsewhere, [f"{elsewhere}: runs before every job"])):
        spec = ModuleSpec("sitecustomize", None, origin=str(place))
        monkeypatch.setattr(installed, "find_spec", {"sitecustomize": spec, "usercustomize": None}.get)
        installed.check_installed.cache_clear()
        assert installed.check_installed() == expected
    installed.check_installed.cache_clear()
