"""Unpack archives safely: each is checked whole before anything is written.

What comes from the network may be broken or hostile. A member that would land outside
the folder, that is no plain file or folder, or that takes another's place is refused,
and the whole archive with it.
"""

from __future__ import annotations

import calendar
import gzip
import logging
import lzma
import os
import re
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any, Protocol

from earshift import jobs
from earshift.downloads import transfer
from earshift.errors import DataError

#: How many times its own size an archive may unpack to. Recordings shrink to no less
#: than a fifth and label tables to about a thirtieth, but a few kB of compressed zeros
#: could fill a disk.
MAX_RATIO = 100

#: Endings of names that mark an archive; other files are copied as they are.
TAR = (".tar", ".tar.gz", ".tgz")
ZIP = (".zip",)

_BLOCK_BYTES = 1 << 20

#: What the libraries raise for archives that are cut short, damaged or of a kind that
#: they do not know.
_BROKEN = (
    zipfile.BadZipFile,
    tarfile.TarError,
    gzip.BadGzipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    NotImplementedError,
    UnicodeError,
)

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Member:
    """A member of an archive; `fault` says why it cannot be had, if so."""

    name: str
    size_bytes: int
    modified_s: float
    is_folder: bool = False
    fault: str = ""
    info: Any = None


class _Archive(Protocol):
    """What the kinds of archive have in common."""

    path: Path

    def members(self) -> Iterator[_Member]: ...

    def open(self, member: _Member) -> IO[bytes]: ...


class _Zip:
    def __init__(self, path: Path, file: zipfile.ZipFile) -> None:
        self.path, self._file = path, file

    def members(self) -> Iterator[_Member]:
        for info in self._file.infolist():
            kind = stat.S_IFMT(info.external_attr >> 16)
            fault = ""
            if info.flag_bits & 1:
                fault = "is encrypted"
            elif kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                fault = "is a link or a device"
            elif not info.is_dir():
                # Finds what does not agree with the archive's table of contents.
                self._file.open(info).close()
            yield _Member(
                *(info.filename, info.file_size, self._modified_s(info)),
                *(info.is_dir(), fault, info),
            )

    @staticmethod
    def _modified_s(info: zipfile.ZipInfo) -> float:
        try:
            return calendar.timegm((*info.date_time, 0, 0, 0))
        except ValueError:  # month 0, where the archive gives no time
            return 0.0

    def open(self, member: _Member) -> IO[bytes]:
        return self._file.open(member.info)


class _Tar:
    def __init__(self, path: Path, file: tarfile.TarFile) -> None:
        self.path, self._file = path, file

    def members(self) -> Iterator[_Member]:
        for info in self._file:
            fault = ""
            if info.issym() or info.islnk():
                fault = f"is a link to '{info.linkname}'"
            elif not (info.isreg() or info.isdir()):
                fault = "is a device or of another special kind"
            elif info.size < 0:
                fault = "has a negative length"
            yield _Member(
                *(info.name, info.size, info.mtime, info.isdir(), fault, info)
            )
        self._need_end()

    def _need_end(self) -> None:
        """Raise unless the archive ends as it should; `tarfile` takes any end."""
        stream = self._file.fileobj
        assert stream is not None
        stream.seek(self._file.offset)
        if stream.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
            raise tarfile.ReadError("cut short, or damaged in its midst")
        # Only after its last byte is a compressed stream held to its checksum.
        while stream.read(_BLOCK_BYTES):
            pass

    def open(self, member: _Member) -> IO[bytes]:
        stream = self._file.extractfile(member.info)
        assert stream is not None
        return stream


class _Plain:
    """A file that is no archive, as an archive of itself."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def members(self) -> Iterator[_Member]:
        state = self.path.stat()
        yield _Member(self.path.name, state.st_size, state.st_mtime)

    def open(self, member: _Member) -> IO[bytes]:
        del member
        return self.path.open("rb")


def extract(archives: Mapping[Path, str | None], folder: Path) -> dict[str, list[int]]:
    """Unpack archives into one folder.

    Parameters
    ----------
    archives : mapping of Path to str or None
        Path of each zip, tar, tar.gz or tgz file, or of another file, which is copied
        -> name of the folder around all that is in it, which is left out; or None.
    folder : Path
        Empty folder to write to. After an error it may hold a part of the files.

    Returns
    -------
    dict of str to list of int
        Name of each archive -> number of its files, and of their bytes.

    Raises
    ------
    DataError
        If an archive is cut short, damaged or encrypted; if it holds a path that leads
        out of the folder, a link, a device, or one name twice; if two archives hold the
        same file, or one unpacks to more than `MAX_RATIO` times its size. All this but
        damage inside a zip's member is found before anything is written.
    DownloadError
        If the disk has no room for all files.

    Notes
    -----
    Files keep the time at which they were modified, so that a folder unpacked anew
    counts as unchanged. What macOS adds (``__MACOSX/``, ``._*``, ``.DS_Store``) is left
    out; so are empty folders and permissions.
    """
    with ExitStack() as stack:
        plans = []
        for path, strip in archives.items():
            _log.info("%s: checking", path.name)
            with _reading(path):
                archive = stack.enter_context(_opened(path))
                plans.append((archive, _plan(archive, strip)))
        _check_together(plans)
        sizes = {
            archive.path.name: [len(files), sum(m.size_bytes for m in files.values())]
            for archive, files in plans
        }
        transfer.need_room(folder, sum(n_bytes for _, n_bytes in sizes.values()))
        for archive, files in plans:
            what = f"{archive.path.name}: unpacking"
            progress = jobs.ByteProgress(what, sizes[archive.path.name][1])
            for name, member in files.items():
                _write(archive, member, folder / name, progress)
    return sizes


@contextmanager
def _opened(path: Path) -> Iterator[_Archive]:
    name = path.name.lower()
    if name.endswith(ZIP):
        with zipfile.ZipFile(path) as file:
            yield _Zip(path, file)
    elif name.endswith(TAR):
        with tarfile.open(path) as file:
            yield _Tar(path, file)
    else:
        yield _Plain(path)


def _plan(archive: _Archive, strip: str | None) -> dict[str, _Member]:
    """Return what is to be written, by its path there, or refuse the archive."""
    files: dict[str, _Member] = {}
    for member in archive.members():
        if fault := member.fault or _unsafe(member.name):
            raise _refusal(archive.path, f"its member '{member.name}' {fault}")
        parts = PurePosixPath(member.name).parts
        if parts[:1] == (strip,) and (member.is_folder or len(parts) > 1):
            parts = parts[1:]
        if member.is_folder or any(map(_is_junk, parts)):
            continue
        name = "/".join(parts)
        if not name:
            raise _refusal(archive.path, "it holds a file without a name")
        if name in files:
            raise _refusal(archive.path, f"it holds '{name}' twice")
        files[name] = member
    if not files:
        raise _refusal(archive.path, "there is no file in it")
    n_bytes = sum(m.size_bytes for m in files.values())
    if n_bytes > MAX_RATIO * archive.path.stat().st_size:
        raise _refusal(
            archive.path,
            f"it would unpack to {n_bytes} bytes, more than {MAX_RATIO} times its size",
        )
    return files


def _unsafe(name: str) -> str:
    """Say what is wrong with the path of a member, if anything is."""
    if name.startswith("/"):
        return "has an absolute path"
    if "\\" in name or re.match("[A-Za-z]:", name):
        return "has a path as on Windows"
    if ".." in PurePosixPath(name).parts:
        return "leads out of the folder"
    return ""


def _is_junk(part: str) -> bool:
    return part in ("__MACOSX", ".DS_Store") or part.startswith("._")


def _check_together(plans: list[tuple[_Archive, dict[str, _Member]]]) -> None:
    """Refuse archives of which one would write over what another one wrote."""
    owners: dict[str, Path] = {}
    for archive, files in plans:
        for name in files:
            if name in owners:
                raise _refusal(
                    archive.path, f"it holds '{name}', as {owners[name].name} does"
                )
            owners[name] = archive.path
    for name, path in owners.items():
        for parent in PurePosixPath(name).parents:
            if str(parent) in owners:
                raise _refusal(
                    path, f"'{parent}' is a file, and also the folder of '{name}'"
                )


def _write(
    archive: _Archive, member: _Member, target: Path, progress: jobs.ByteProgress
) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with (
        _reading(archive.path, member.name),
        archive.open(member) as source,
        target.open("xb") as file,
    ):
        while block := source.read(_BLOCK_BYTES):
            file.write(block)
            progress.count(len(block))
    modified_s = min(2**32, max(0, member.modified_s))  # an archive may say anything
    os.utime(target, (modified_s, modified_s))


@contextmanager
def _reading(path: Path, member: str = "") -> Iterator[None]:
    """Explain what the libraries find wrong with an archive."""
    try:
        yield
    except _BROKEN as error:
        where = f"its member '{member}' is damaged" if member else "it cannot be read"
        what = " ".join(str(error).split()) or type(error).__name__
        raise _refusal(path, f"{where}: {what}") from error


def _refusal(path: Path, fault: str) -> DataError:
    return DataError(
        f"{path} cannot be unpacked: {fault}. To fetch it anew, delete it and "
        f"{path.name}.sha256 beside it. If the same comes again, unpack it yourself "
        "and give the folder as 'folder' of the dataset in the config."
    )
