"""Fetch registered files: each once, verified, and never half under its final name.

Beside a file ``x`` there may be ``x.part`` and ``x.part.json`` (a download that was cut
off), ``x.bad-1a2b3c4d`` (what came and was refused), ``x.lock`` (held while fetching),
``x.sha256`` (the sign that it was verified), and ``pins.json`` (checksums of files for
which none is published).
"""

from __future__ import annotations

import logging
from pathlib import Path
from urllib.parse import quote, urlsplit
from urllib.request import url2pathname

from earshift import files
from earshift.downloads import transfer, verification
from earshift.downloads.catalogue import Entry
from earshift.downloads.verification import verify
from earshift.errors import DownloadError

__all__ = ["fetch", "fetch_marked", "verify", "write_sha256"]

_log = logging.getLogger(__name__)


def fetch(
    entry: Entry, target: Path, *, mirror: str | None = None, offline: bool = False
) -> str:
    """Bring a registered file to `target`, verified, unless it is there already.

    Parameters
    ----------
    entry : Entry
        What to fetch.
    target : Path
        Where the file is to lie; its folder is made.
    mirror : str, optional
        Folder, or address of scheme file, http or https, that holds the file by name.
        The file then comes from there only.
    offline : bool, default=False
        Open no network connection.

    Returns
    -------
    str
        The file's SHA-256, in hexadecimal digits.

    Raises
    ------
    DownloadError
        If the file cannot be had, or if what came is not the registered file. That is
        then kept beside `target`, as ``<name>.bad-<first 8 digits of its sha256>``.
    ConfigError
        If the pins beside `target` cannot be read.

    Notes
    -----
    A file that is there but is not the registered one is set aside in the same way, and
    fetched anew. If no checksum is published, that of the first file that passes the
    other checks is pinned in ``pins.json`` beside `target`, and later ones must equal
    it. Of two processes that want the same file, one fetches it and the other waits.
    """
    folder = target.parent
    try:
        looks = verification.look_if_sound(target, entry) if target.is_file() else None
        if looks is not None:
            _log.debug("%s is there, and verified", target)
            return looks.checksums["sha256"]
        folder.mkdir(parents=True, exist_ok=True)
        with verification.locked(target.with_name(f"{target.name}.lock")):
            looks = _keep(entry, target) if target.exists() else None
            if looks is None:
                source = _source(entry, target, mirror, offline)
                looks = _bring(entry, target, source)
        return looks.checksums["sha256"]
    except OSError as error:
        raise DownloadError(
            f"{entry.name} is to be at {target.absolute()}, but that failed: {error}. "
            "Check the disk, the folder and its permissions."
        ) from error


def fetch_marked(
    entry: Entry, marker: Path, *, mirror: str | None, offline: bool
) -> None:
    """Bring a registered file, and write the sign that it was verified.

    Parameters
    ----------
    entry : Entry
        What to fetch.
    marker : Path
        ``<file>.sha256``, beside which the file is to lie.
    mirror, offline
        As for `fetch`.

    Raises
    ------
    DownloadError, ConfigError
        As for `fetch`.
    """
    file = marker.with_suffix("")
    write_sha256(marker, fetch(entry, file, mirror=mirror, offline=offline))


def write_sha256(marker: Path, digits: str) -> None:
    """Write the SHA-256 of the file ``x`` to ``x.sha256``, as `sha256sum` does."""
    with files.whole_file(marker) as temporary:
        temporary.write_text(f"{digits}  {marker.stem}\n")


def _keep(entry: Entry, target: Path) -> verification.Looks | None:
    """Look at the file that is there; if it is not the registered one, set it aside."""
    looks = verification.look(target)
    if faults := verification.faults(looks, entry, target.parent):
        kept = _set_aside(target, target, looks)
        _log.warning(
            "%s is not the registered file: %s. It is kept as %s, and fetched anew.",
            *(target, "; ".join(faults), kept.name),
        )
        return None
    verification.pin(entry, looks, target.parent, address="was there already")
    return looks


def _bring(entry: Entry, target: Path, source: Path | str) -> verification.Looks:
    """Copy or download the file, and put it under its name if it is the right one."""
    part = target.with_name(f"{target.name}.part")
    remedy = _remedy(entry, target)
    if isinstance(source, Path):
        transfer.copy(source, part)
    else:
        transfer.download(
            source,
            part,
            size_bytes=entry.size_bytes,
            needs_length=not entry.checksums and entry.size_bytes is None,
            remedy=remedy,
        )
    looks = verification.look(part)
    if faults := verification.faults(looks, entry, target.parent):
        kept = _set_aside(part, target, looks)
        transfer.forget(part)
        raise DownloadError(
            f"what came from {source} is not the registered {entry.name}: "
            f"{'; '.join(faults)}. It is kept as {kept.absolute()}. Run again to fetch "
            f"the file anew; if the same comes again, the source is at fault. {remedy}"
        )
    verification.pin(entry, looks, target.parent, address=str(source))
    part.replace(target)
    transfer.forget(part)
    _log.info("fetched %s (%d bytes) from %s", target.name, looks.size_bytes, source)
    return looks


def _source(
    entry: Entry, target: Path, mirror: str | None, offline: bool
) -> Path | str:
    """Return the local file, or the address on the network, to fetch from."""
    address = entry.address
    if mirror is not None:
        address = f"{mirror.rstrip('/')}/{quote(entry.name)}"
    parts = urlsplit(address)
    if parts.scheme in ("http", "https"):
        if offline:
            raise DownloadError(
                f"{entry.name} is needed, but 'downloads: offline' is set and the file "
                f"is at {address}. {_remedy(entry, target)}"
            )
        return address
    if parts.scheme == "file":
        path = Path(url2pathname(parts.path))
    else:
        path = Path(str(mirror)).expanduser() / entry.name
    if not path.is_file():
        raise DownloadError(
            f"{entry.name} is needed, but there is no file {path.absolute()}. "
            f"{_remedy(entry, target)}"
        )
    return path


def _set_aside(path: Path, target: Path, looks: verification.Looks) -> Path:
    """Rename a file that is not the registered one."""
    digits = looks.checksums["sha256"][:8]
    return path.replace(target.with_name(f"{target.name}.bad-{digits}"))


def _remedy(entry: Entry, target: Path) -> str:
    return (
        f"By hand: get {entry.address} wherever that works and put it at "
        f"{target.absolute()}. Or set 'downloads: mirror' to a folder or address that "
        f"holds {entry.name}."
    )
