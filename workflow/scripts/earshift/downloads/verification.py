"""Return whether a file is the registered one: its kind, length, checksums, and pins.

A pin is the checksum of the first file that came, where none is published. Pins lie in
``pins.json`` beside the files.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType

from earshift import files
from earshift.downloads import catalogue
from earshift.downloads.catalogue import Entry
from earshift.errors import ConfigError, WeightsError

#: Ending of a name -> what such a file is called, and how it begins.
BEGINNINGS: Mapping[str, tuple[str, bytes]] = MappingProxyType(
    {
        ".h5": ("an HDF5 file", b"\x89HDF\r\n\x1a\n"),
        ".gz": ("a gzip file", b"\x1f\x8b"),
        ".npz": ("an .npz file", b"PK\x03\x04"),
        ".tgz": ("a gzip file", b"\x1f\x8b"),
        ".zip": ("a zip file", b"PK\x03\x04"),
    }
)

#: The same for how it ends. A checkpoint in one file is a table of LevelDB, which ends
#: with this number, little-endian.
ENDINGS: Mapping[str, tuple[str, bytes]] = MappingProxyType(
    {".ckpt": ("a TensorFlow checkpoint", 0xDB4775248B80FB57.to_bytes(8, "little"))}
)

PINS = "pins.json"

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Looks:
    """What a file is like.

    Parameters
    ----------
    size_bytes : int
        Its length.
    head, tail : bytes
        Its first 64 and last 8 bytes.
    checksums : mapping of str to str
        Each of `earshift.downloads.catalogue.CHECKSUMS` -> its hexadecimal digits.
    """

    size_bytes: int
    head: bytes
    tail: bytes
    checksums: Mapping[str, str]


def verify(path: Path, entry: Entry) -> Looks:
    """Raise unless a file is the registered one, however it came to be there.

    Parameters
    ----------
    path : Path
        The file.
    entry : Entry
        What it should be. Where it has no checksum, the pin beside `path` counts.

    Returns
    -------
    Looks
        What the file is like.

    Raises
    ------
    WeightsError
        If the file is missing, or is not the registered one; the message gives what
        was expected and what was found.
    ConfigError
        If the pins beside it cannot be read.
    """
    if not path.is_file():
        raise WeightsError(
            f"{entry.name} is needed, but there is no file {path}. Get it from "
            f"{entry.address}."
        )
    looks = look(path)
    if differences := faults(looks, entry, path.parent):
        raise WeightsError(
            f"{path} is not the registered {entry.name}: {'; '.join(differences)}. "
            f"Replace it by the file at {entry.address}."
        )
    return looks


def identify(path: Path) -> tuple[str, str | None]:
    """Return the SHA-256 of a weights file, and which published file it is.

    Parameters
    ----------
    path : Path
        The file. Where it lies as a file of the register, it is held to that.

    Returns
    -------
    tuple of str, and str or None
        Hexadecimal digits, and the name in the register of weights of a file with these
        checksums; None where there is none.

    Raises
    ------
    WeightsError
        If it lies as a registered file and is missing or another.
    """
    known = catalogue.weights()
    registered = catalogue.holds(path)
    looks = verify(path, known[path.name]) if registered else look(path)
    for entry in known.values():
        if entry.checksums and entry.checksums.items() <= looks.checksums.items():
            return looks.checksums["sha256"], entry.name
    return looks.checksums["sha256"], None


def look(path: Path) -> Looks:
    """Read a file once, and say what it is like."""
    size_bytes = path.stat().st_size
    digests = {
        "sha256": hashlib.sha256(),
        "md5": hashlib.md5(usedforsecurity=False),
        "git_sha1": hashlib.sha1(b"blob %d\0" % size_bytes, usedforsecurity=False),
    }
    head = tail = b""
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            head = head or block[:64]
            tail = (tail + block)[-8:]
            for digest in digests.values():
                digest.update(block)
    checksums = {kind: digest.hexdigest() for kind, digest in digests.items()}
    return Looks(size_bytes, head, tail, checksums)


def faults(looks: Looks, entry: Entry, folder: Path) -> list[str]:
    """Say in what a file differs from the registered one.

    Parameters
    ----------
    looks : Looks
        What the file is like.
    entry : Entry
        What it should be.
    folder : Path
        Where the pins are.

    Returns
    -------
    list of str
        One for each check that fails, with what was expected and what was found.

    Raises
    ------
    ConfigError
        If the pins cannot be read.
    """
    suffix = Path(entry.name).suffix
    begins, head = BEGINNINGS.get(suffix, ("", b""))
    ends, tail = ENDINGS.get(suffix, ("", b""))
    differences = []
    if not looks.head.startswith(head):
        differences.append(f"it does not begin as {begins} does")
    if not looks.tail.endswith(tail):
        differences.append(f"it does not end as {ends} does")
    if entry.size_bytes not in (None, looks.size_bytes):
        differences.append(
            f"{entry.size_bytes} bytes expected, {looks.size_bytes} found"
        )
    for kind, digits in entry.checksums.items():
        if looks.checksums[kind] != digits:
            differences.append(
                f"{kind} {digits} expected, {looks.checksums[kind]} found"
            )
    pinned = None if entry.checksums else _read_pins(folder).get(entry.name)
    came = looks.checksums["sha256"]
    if pinned and pinned["sha256"] != came:
        differences.append(
            f"sha256 {pinned['sha256']} expected, {came} found (no checksum is "
            f"published; this one was pinned {pinned['date']} in {folder / PINS}: "
            "delete it there if the authors have changed their file since)"
        )
    if differences and looks.head.lstrip().startswith(b"<"):
        differences.append("it looks like HTML, such as a page of an error or a log-in")
    return differences


def look_if_sound(path: Path, entry: Entry) -> Looks | None:
    """Look at a file; None if it is not the registered one, or held to no checksum."""
    if not _is_held(entry, path.parent):
        return None
    looks = look(path)
    return None if faults(looks, entry, path.parent) else looks


def pin(entry: Entry, looks: Looks, folder: Path, address: str) -> None:
    """Hold later files to this one, if nothing else does.

    Parameters
    ----------
    entry : Entry
        What the file is.
    looks : Looks
        What it is like.
    folder : Path
        Where the pins are.
    address : str
        Where it came from.

    Raises
    ------
    ConfigError
        If the pins cannot be read.
    """
    if entry.checksums:
        return
    with locked(folder / f"{PINS}.lock"):
        if _is_held(entry, folder):
            return
        facts = {
            "sha256": looks.checksums["sha256"],
            "size_bytes": looks.size_bytes,
            "address": address,
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        pins = _read_pins(folder) | {entry.name: facts}
        with files.whole_file(folder / PINS) as file:
            file.write_text(json.dumps(pins, indent=2, sort_keys=True) + "\n")
    _log.info(
        "no checksum is published for %s: pinned sha256 %s in %s",
        *(entry.name, facts["sha256"], folder / PINS),
    )


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock at `path`; wait while another process holds it."""
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _log.info("another process holds %s: waiting for it", path)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _is_held(entry: Entry, folder: Path) -> bool:
    """Return whether a checksum of the file is published, or pinned in `folder`."""
    return bool(entry.checksums) or entry.name in _read_pins(folder)


def _read_pins(folder: Path) -> dict[str, dict[str, object]]:
    path = folder / PINS
    if not path.exists():
        return {}
    try:
        pins = json.loads(path.read_text())
        whole = all({"sha256", "date"} <= pin.keys() for pin in pins.values())
    except (ValueError, AttributeError) as error:
        raise ConfigError(f"{path} is not as earshift writes it: {error}.") from error
    if not whole:
        raise ConfigError(f"{path}: every pin needs 'sha256' and 'date'.")
    return dict(pins)
