"""Signatures and time stamps of the anchor, made and checked by OpenSSH and OpenSSL: no cryptography of our own."""

import subprocess
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from meshcil.core.code_digest import repository_root
from meshcil.core.errors import InputError
from meshcil.lineage.anchor import ANCHOR
from meshcil.lineage.source import git

SIGNATURE = ANCHOR.with_name(f"{ANCHOR.name}.sig")
_BEGIN = b"-----BEGIN SSH SIGNATURE-----"
_SPACE = "meshcil"
"""What signatures of an anchor are for (a namespace of `ssh-keygen -Y`); those of tags are for `git`."""


@dataclass(frozen=True)
class Trust:
    """What vouches for the anchor from outside of the folder.

    Attributes:
        signer: public key that must have signed what `--against` names, as OpenSSH writes it.
        timestamp: answer of a time stamping authority (RFC 3161) on `reports/ANCHOR`.
        authority: its certificates (PEM).
    """

    signer: Path | None = None
    timestamp: Path | None = None
    authority: Path | None = None


NOBODY = Trust()


def sign(key: Path) -> Path:
    """Sign the anchor with a private key (or a public one whose other half an agent holds); the file that holds it.

    Raises:
        InputError: when the key cannot be used.
    """
    done = _run("ssh-keygen", "-q", "-Y", "sign", "-n", _SPACE, "-f", str(key), data=ANCHOR.read_bytes())
    if done.returncode or not done.stdout.startswith(_BEGIN):
        raise InputError(key, f"cannot sign ({_last_line(done)})", "Name a key that `ssh-keygen -t ed25519` made")
    SIGNATURE.write_bytes(done.stdout)
    return SIGNATURE


def check_trust(against: str | None, trust: Trust) -> tuple[list[str], list[str]]:
    """Check the signature of what ``against`` names, and the time stamp of the anchor.

    Returns:
        Findings, and what was found to hold.

    Raises:
        InputError: when something that is needed for it is not given, or cannot be read.
    """
    findings, held = [], []
    if trust.signer is not None:
        if against is None:
            raise InputError("--signer", "has nothing to check", f"Name the signed file or tag: --against {ANCHOR}")
        failed, said = _check_signature(against, trust.signer)
        findings += failed
        held += said
    if trust.timestamp is not None:
        if trust.authority is None:
            raise InputError("--timestamp", "lacks the authority", "Name its certificates (PEM) with --authority")
        failed, said = _check_timestamp(trust.timestamp, trust.authority)
        findings += failed
        held += said
    return findings, held


def _check_signature(against: str, signer: Path) -> tuple[list[str], list[str]]:
    text, signature, space = _signed(against)
    try:
        key = signer.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(signer, "cannot be read as a public key", "Name a file such as id_ed25519.pub") from error
    if key.count("\n") or len(key.split()) < 2:
        raise InputError(signer, "is no public key of OpenSSH", "Name a file such as id_ed25519.pub")
    with TemporaryDirectory() as folder:
        allowed, given = Path(folder, "allowed"), Path(folder, "signature")
        allowed.write_text(f'signer namespaces="{space}" {" ".join(key.split()[:2])}\n', encoding="utf-8")
        given.write_bytes(signature)
        words = ["-Y", "verify", "-f", str(allowed), "-I", "signer", "-n", space, "-s", str(given)]
        done = _run("ssh-keygen", *words, data=text)
    if done.returncode:
        return [f"{against}: is not signed by {signer} ({_last_line(done)})"], []
    return [], [f"{against} is signed by {done.stdout.decode(errors='replace').split(' key ')[-1].strip()}"]


def _signed(against: str) -> tuple[bytes, bytes, str]:
    """Content, signature and namespace of a signed file, or of a signed tag."""
    path = Path(against)
    if path.is_file():
        beside = path.with_name(f"{path.name}.sig")
        if not beside.is_file():
            raise InputError(beside, "is missing", "Sign the anchor: `meshcil publish --sign KEY`")
        return path.read_bytes(), beside.read_bytes(), _SPACE
    tag = git(repository_root(), "cat-file", "tag", against) or b""
    text, begin, rest = tag.partition(_BEGIN)
    # A tag that was renamed would vouch for another version.
    if not begin or f"\ntag {against.removeprefix('refs/tags/')}\n".encode() not in text.partition(b"\n\n")[0] + b"\n":
        raise InputError(against, "is no file, and no tag signed with an SSH key", "Make one: `git tag --sign`")
    return text, begin + rest, "git"


def _check_timestamp(answer: Path, authority: Path) -> tuple[list[str], list[str]]:
    for path in (answer, authority):
        if not path.is_file():
            raise InputError(path, "does not exist", "Name the answer of the authority, and its certificates (PEM)")
    words = ["-data", str(ANCHOR), "-in", str(answer), "-CAfile", str(authority)]
    done = _run("openssl", "ts", "-verify", *words)
    if done.returncode:
        return [f"{answer}: is no valid time stamp of {ANCHOR} ({_last_line(done)})"], []
    told = _run("openssl", "ts", "-reply", "-in", str(answer), "-text").stdout.decode(errors="replace").splitlines()
    time = next((line.partition(": ")[2] for line in told if line.startswith("Time stamp: ")), "an unknown time")
    return [], [f"{ANCHOR} existed at {time}"]


def _run(*command: str, data: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(command, input=data, capture_output=True)
    except FileNotFoundError as error:
        raise InputError(
            command[0], "is not installed", "Install OpenSSH (signatures) or OpenSSL (time stamps)"
        ) from error


def _last_line(done: subprocess.CompletedProcess[bytes]) -> str:
    lines = (done.stderr or done.stdout).decode(errors="replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "no message")
