"""Bring the registered files of a dataset to one folder: fetched, and unpacked, once.

In the folder of datasets, the published files lie in ``archives/``, each with the sign
that it was verified, ``<file>.sha256``. What those of dataset ``x`` hold lies in
``x/``, and ``x.json`` is the sign that it is there. The original of that sign is in
``x/``, which gets its name in one step: what is there is whole.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from pathlib import Path

from earshift.downloads import archives, fetch, verification
from earshift.downloads.catalogue import ARCHIVES, Entry
from earshift.errors import ConfigError, DataError
from earshift.files import whole_file, whole_folder

#: Name of the list of archives in an unpacked folder.
LIST = ".archives.json"

_log = logging.getLogger(__name__)


def fetch_archive(
    entry: Entry, marker: Path, *, mirror: str | None, offline: bool
) -> None:
    """Fetch a file of a dataset, and write its SHA-256, unless it has been unpacked.

    Parameters
    ----------
    entry : Entry
        What to fetch.
    marker : Path
        ``<folder of datasets>/archives/<file>.sha256``.
    mirror, offline
        As for `earshift.downloads.fetch.fetch`.

    Raises
    ------
    DownloadError, ConfigError
        As for `earshift.downloads.fetch.fetch`.
    """
    unpacked = _listed(marker.parents[1] / str(entry.dataset)).get(entry.name)
    if unpacked and not marker.with_suffix("").exists():
        _log.info("%s was unpacked, and is not fetched again", entry.name)
        fetch.write_sha256(marker, str(unpacked["sha256"]))
    else:
        fetch.fetch_marked(entry, marker, mirror=mirror, offline=offline)


def unpack_dataset(entries: Sequence[Entry], marker: Path) -> None:
    """Unpack the files of a dataset into one folder, unless they are there.

    Parameters
    ----------
    entries : sequence of Entry
        The files; each lies in ``archives/`` beside `marker`, with its SHA-256.
    marker : Path
        ``<folder>.json``: written last, lists each archive with its SHA-256 and the
        number of its files and bytes.

    Raises
    ------
    DataError
        If an archive is not there or cannot be unpacked, or if there is a folder which
        earshift did not make.
    DownloadError
        If the disk has no room.
    """
    folder = marker.with_suffix("")
    files = {e.name: marker.parent / ARCHIVES / e.name for e in entries}
    sha256 = {name: _read_sha256(file) for name, file in files.items()}
    with verification.locked(Path(f"{folder}.lock")):
        listed = _listed(folder)
        if sha256 == {name: facts["sha256"] for name, facts in listed.items()}:
            _log.info("%s is unpacked already", folder)
        else:
            _need_own_folder(folder, bool(listed))
            for file in files.values():
                _need_archive(file)
            strips = {files[e.name]: e.strip for e in entries}
            _unpack(strips, sha256, folder)
        with whole_file(marker) as temporary:
            temporary.write_text((folder / LIST).read_text())


def _unpack(
    strips: dict[Path, str | None], sha256: dict[str, str], folder: Path
) -> None:
    _log.info("unpacking into %s", folder)
    try:
        with whole_folder(folder) as temporary:
            sizes = archives.extract(strips, temporary)
            listed = {
                name: {"sha256": sha256[name], "n_files": n_files, "n_bytes": n_bytes}
                for name, (n_files, n_bytes) in sizes.items()
            }
            (temporary / LIST).write_text(json.dumps(listed, indent=2) + "\n")
    except OSError as error:
        raise DataError(
            f"{folder.absolute()} is to be made, but that failed: {error}. "
            "Check the disk, the folder and its permissions."
        ) from error
    _log.info("unpacked %d files", sum(n for n, _ in sizes.values()))


def _listed(folder: Path) -> dict[str, dict[str, object]]:
    """Return what was unpacked into a folder; nothing if it was not made here."""
    path = folder / LIST
    if not path.exists():
        return {}
    try:
        listed: dict[str, dict[str, object]] = json.loads(path.read_text())
        whole = all("sha256" in facts for facts in listed.values())
    except (ValueError, AttributeError, TypeError):
        whole = False
    if not whole:
        raise ConfigError(
            f"{path} is not as earshift writes it. Delete {folder} to have it unpacked "
            "anew."
        )
    return listed


def _need_own_folder(folder: Path, is_ours: bool) -> None:
    """Raise rather than replace a folder that someone else made."""
    if folder.exists() and not is_ours and any(folder.iterdir()):
        raise DataError(
            f"there is a folder {folder.absolute()} that was not unpacked by earshift. "
            "Move it elsewhere and give it as 'folder' of the dataset in the config; "
            "or delete it, to have the published files unpacked there."
        )


def _need_archive(file: Path) -> None:
    if not file.is_file():
        raise DataError(
            f"{file.absolute()} is to be unpacked, but it is not there any more. "
            f"Delete {file.name}.sha256 to have it fetched again, or put it back."
        )


def _read_sha256(file: Path) -> str:
    """Return the checksum with which a file was verified."""
    return Path(f"{file}.sha256").read_text().split()[0]
