"""Bring the bytes of one file into a part file: resumed, retried, whole.

What the bytes are is not looked at here; `earshift.downloads.fetch` does that.
"""

from __future__ import annotations

import http.client
import json
import logging
import re
import shutil
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import asdict, astuple, dataclass
from pathlib import Path

from earshift import files, jobs
from earshift.errors import DownloadError

#: Waits between attempts that brought nothing new; one that did starts them anew.
PAUSES_S = (1.0, 3.0, 9.0)

#: A connection on which nothing comes for so long counts as cut off.
TIMEOUT_S = 30.0

_BLOCK_BYTES = 1 << 18

#: Statuses below 500 that may pass by themselves: request timeout, too many requests.
_PASSING = (408, 429)

_log = logging.getLogger(__name__)


class _CutOffError(Exception):
    """The attempt failed, and another one may succeed."""


@dataclass(frozen=True)
class _Origin:
    """What a part file is a part of; kept beside it as JSON.

    `etag` and `last_modified` tell whether the file at the address is still the same.
    """

    address: str
    etag: str | None
    last_modified: str | None
    total_bytes: int | None

    def validator(self) -> str | None:
        """Return what ``If-Range`` may hold: a weak ETag does not vouch for bytes."""
        if self.etag and not self.etag.startswith("W/"):
            return self.etag
        return self.last_modified

    def goes_on(self, other: _Origin) -> bool:
        """Return whether a partial answer may be one of this; it need not say all."""
        pairs = zip(astuple(self), astuple(other), strict=True)
        return other.total_bytes is not None and all(
            ours is None or theirs is None or ours == theirs for ours, theirs in pairs
        )


def download(
    address: str,
    part: Path,
    *,
    size_bytes: int | None,
    needs_length: bool,
    remedy: str,
) -> None:
    """Fetch the file at an address into `part`, going on where that was cut off.

    Parameters
    ----------
    address : str
        Of scheme http or https.
    part : Path
        Where the bytes go. It is resumed if it is a part of the same file, as the
        server says by ETag or Last-Modified, and begun anew otherwise.
    size_bytes : int or None
        Length that the file should have, where it is known; for progress and room.
    needs_length : bool
        Refuse a server that does not say how long the file is: for a file of which
        neither length nor checksum is known.
    remedy : str
        Sentences on what to do without the connection, for the message.

    Raises
    ------
    DownloadError
        If the server refuses the file, if the connection fails time after time, or if
        the disk has no room.
    """
    pauses = list(PAUSES_S)
    most = 0
    while True:
        try:
            length = _attempt(address, part, size_bytes)
            if length is None and needs_length:
                raise DownloadError(
                    f"{address} came without its length, and no checksum is known: a "
                    f"file cut short could not be told from the whole one. {remedy}"
                )
            return
        except _CutOffError as error:
            have = part.stat().st_size if part.exists() else 0
            if have > most:
                most, pauses = have, list(PAUSES_S)
            if not pauses:
                raise DownloadError(
                    f"{address} could not be fetched: {error}. The next run goes on "
                    f"from what has come. {remedy}"
                ) from error
            _log.warning("%s: %s; trying again in %g s", address, error, pauses[0])
            time.sleep(pauses.pop(0))
        except urllib.error.URLError as error:
            raise DownloadError(
                f"{address} could not be fetched: {error}. {remedy}"
            ) from error


def copy(source: Path, part: Path) -> None:
    """Copy a local file into `part`, from its beginning.

    Parameters
    ----------
    source, part : Path
        From where and to where.

    Raises
    ------
    DownloadError
        If the disk has no room.
    """
    forget(part)
    with source.open("rb") as file:
        _pour(file.read, part, source.stat().st_size)


def forget(part: Path) -> None:
    """Remove a part file and what is remembered of it."""
    _memory(part).unlink(missing_ok=True)
    part.unlink(missing_ok=True)


def _attempt(address: str, part: Path, size_bytes: int | None) -> int | None:
    """Ask for what is missing of `part`, once; return the length that was declared."""
    origin = _recall(part, address)
    have = part.stat().st_size if origin else 0
    if origin and have == origin.total_bytes:
        return have
    try:
        response = _open(address, origin, have)
    except urllib.error.HTTPError as error:
        with error:
            if error.code == 416 and have:
                # More than the file has was asked for; the next attempt begins anew.
                forget(part)
            elif error.code < 500 and error.code not in _PASSING:
                raise
        raise _CutOffError(str(error)) from error
    with response:
        answer = _origin(address, response, have)
        if response.status == 206 and origin and origin.goes_on(answer):
            _log.info("%s: going on at byte %d", part.name, have)
        elif response.status == 206:
            forget(part)
            raise _CutOffError("the server sent another part than the one asked for")
        else:
            forget(part)
            with files.whole_file(_memory(part)) as file:
                file.write_text(json.dumps(asdict(answer)))
        total = answer.total_bytes
        came = _pour(lambda n: _receive(response, n), part, total or size_bytes)
    if total is not None and came != total:
        raise _CutOffError(f"cut off after {came} of {total} bytes")
    return total


def _open(address: str, origin: _Origin | None, have: int) -> http.client.HTTPResponse:
    """Send the request; redirects and proxies are urllib's business."""
    headers = {"User-Agent": "earshift", "Accept-Encoding": "identity"}
    validator = origin.validator() if origin else None
    if have and validator:
        headers |= {"Range": f"bytes={have}-", "If-Range": validator}
    request = urllib.request.Request(address, headers=headers)
    try:
        response = urllib.request.urlopen(request, timeout=TIMEOUT_S)
    except urllib.error.HTTPError:
        raise
    except urllib.error.URLError as error:
        if isinstance(error.reason, ssl.SSLCertVerificationError):
            raise
        raise _CutOffError(str(error.reason)) from error
    except (OSError, http.client.HTTPException) as error:
        raise _CutOffError(f"{type(error).__name__}: {error}") from error
    assert isinstance(response, http.client.HTTPResponse)
    return response


def _origin(address: str, response: http.client.HTTPResponse, have: int) -> _Origin:
    """Read from the headers what the server sends, and how long the whole is."""
    total = response.headers.get("Content-Length")
    if response.status == 206:
        content_range = response.headers.get("Content-Range", "")
        span = re.fullmatch(rf"bytes {have}-\d+/(\d+)", content_range.strip())
        total = span[1] if span else None
    return _Origin(
        address=address,
        etag=response.headers.get("ETag"),
        last_modified=response.headers.get("Last-Modified"),
        total_bytes=int(total) if total and total.isdecimal() else None,
    )


def _receive(response: http.client.HTTPResponse, n: int) -> bytes:
    """Read up to `n` bytes, as soon as there are any."""
    try:
        return response.read1(n)
    except (OSError, http.client.HTTPException) as error:
        raise _CutOffError(f"{type(error).__name__}: {error}") from error


def _pour(read: Callable[[int], bytes], part: Path, total: int | None) -> int:
    """Append what `read` gives to `part`; return its length in bytes."""
    have = part.stat().st_size if part.exists() else 0
    need_room(part.parent, (total or 0) - have)
    progress = jobs.ByteProgress(part.stem, max((total or 0) - have, 0))
    came = 0
    with part.open("ab") as file:
        while block := read(_BLOCK_BYTES):
            file.write(block)
            # A killed download goes on from what the system has.
            file.flush()
            came += len(block)
            progress.count(len(block))
    return have + came


def need_room(folder: Path, n_bytes: int) -> None:
    """Raise `DownloadError` unless the disk of `folder` has room for `n_bytes`."""
    free = shutil.disk_usage(folder).free
    if n_bytes > free:
        raise DownloadError(
            f"{n_bytes / jobs.MB:.1f} MB are needed in {folder.absolute()}, but only "
            f"{free / jobs.MB:.1f} MB are free there. Make room there, or use "
            "another folder: docs/weights.md and docs/datasets.md say how."
        )


def _memory(part: Path) -> Path:
    return part.with_name(part.name + ".json")


def _recall(part: Path, address: str) -> _Origin | None:
    """Return what `part` is a part of, if it can be resumed from this address."""
    try:
        origin = _Origin(**json.loads(_memory(part).read_text()))
        have = part.stat().st_size
    except (OSError, ValueError, TypeError):
        return None
    whole = origin.total_bytes is not None and have == origin.total_bytes
    short = origin.total_bytes is None or have < origin.total_bytes
    usable = whole or (short and origin.validator() is not None)
    return origin if usable and origin.address == address else None
