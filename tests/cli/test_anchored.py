"""Signatures and time stamps of the anchor hold, or are named as what they are."""

import shutil
import subprocess
from pathlib import Path

import pytest

from meshcil.cli.anchored import SIGNATURE, Trust, check_trust, sign
from meshcil.core.errors import InputError
from meshcil.lineage.anchor import ANCHOR
from tests.lineage.test_record import git

pytestmark = pytest.mark.skipif(not shutil.which("ssh-keygen"), reason="OpenSSH is not installed")


@pytest.fixture(autouse=True)
def _anchor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("meshcil.cli.anchored.repository_root", lambda: tmp_path)
    ANCHOR.parent.mkdir()
    ANCHOR.write_text("0" * 64 + "  report.record.json\n")
    for name in ("own", "other"):
        call("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "someone", "-f", name)


def call(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


OWN, OTHER = Trust(Path("own.pub")), Trust(Path("other.pub"))


def test_a_signed_file(tmp_path: Path) -> None:
    assert sign(Path("own")) == SIGNATURE
    findings, held = check_trust(str(ANCHOR), OWN)
    assert findings == [] and "is signed by SHA256:" in held[0]
    assert check_trust(str(ANCHOR), OTHER)[0][0].startswith(f"{ANCHOR}: is not signed by other.pub")
    ANCHOR.write_text("1" * 64 + "  report.record.json\n")
    findings, held = check_trust(str(ANCHOR), OWN)
    assert findings[0].startswith(f"{ANCHOR}: is not signed by own.pub") and held == []


def test_a_signed_tag() -> None:
    identity = ("-c", "user.name=t", "-c", "user.email=t@t")
    git(Path(), "init", "--quiet")
    git(Path(), "add", "reports")
    git(Path(), *identity, "commit", "--quiet", "-m", "first")
    key = ("-c", "gpg.format=ssh", "-c", f"user.signingkey={Path('own').resolve()}")
    git(Path(), *identity, *key, "tag", "--sign", "-m", "Results", "v1")
    assert check_trust("v1", OWN)[0] == [] and check_trust("v1", OTHER)[0]
    # Whoever may write the clone points another tag to the same object, or writes an unsigned one.
    git(Path(), "update-ref", "refs/tags/v2", "refs/tags/v1")
    git(Path(), *identity, "tag", "-m", "Results", "v3")
    for tag in ("v2", "v3", "nowhere"):
        with pytest.raises(InputError, match="is no file, and no tag signed with an SSH key"):
            check_trust(tag, OWN)


def test_what_cannot_be_checked_is_refused() -> None:
    with pytest.raises(InputError, match=r"ANCHOR.sig: is missing"):
        check_trust(str(ANCHOR), OWN)
    sign(Path("own"))
    for trust, against, said in (
        (OWN, None, "--signer: has nothing to check"),
        (Trust(Path("own")), str(ANCHOR), "own: is no public key of OpenSSH"),
        (Trust(timestamp=Path("x.tsr")), None, "--timestamp: lacks the authority"),
        (Trust(timestamp=Path("x.tsr"), authority=Path("own.pub")), None, "x.tsr: does not exist"),
    ):
        with pytest.raises(InputError, match=said):
            check_trust(against, trust)
    with pytest.raises(InputError, match="nokey: cannot sign"):
        sign(Path("nokey"))


AUTHORITY = """
[req]
distinguished_name = name
x509_extensions = stamps
prompt = no
[name]
CN = Authority
[stamps]
extendedKeyUsage = critical,timeStamping
[tsa]
default_tsa = one
[one]
serial = serial
signer_cert = authority.pem
signer_key = authority.key
signer_digest = sha256
default_policy = 1.2.3
digests = sha256
"""


@pytest.mark.skipif(not shutil.which("openssl"), reason="OpenSSL is not installed")
def test_a_time_stamp() -> None:
    Path("authority.cnf").write_text(AUTHORITY)
    Path("serial").write_text("01\n")
    made = ["-newkey", "rsa:2048", "-nodes", "-keyout", "authority.key", "-out", "authority.pem", "-days", "9"]
    call("openssl", "req", "-x509", "-config", "authority.cnf", *made)
    call("openssl", "ts", "-query", "-data", str(ANCHOR), "-sha256", "-cert", "-out", "asked.tsq")
    call("openssl", "ts", "-reply", "-config", "authority.cnf", "-queryfile", "asked.tsq", "-out", "answer.tsr")
    trust = Trust(timestamp=Path("answer.tsr"), authority=Path("authority.pem"))
    findings, held = check_trust(None, trust)
    assert findings == [] and held[0].startswith(f"{ANCHOR} existed at ")
    ANCHOR.write_text("1" * 64 + "  report.record.json\n")
    findings, held = check_trust(None, trust)
    assert findings[0].startswith(f"answer.tsr: is no valid time stamp of {ANCHOR}") and held == []
