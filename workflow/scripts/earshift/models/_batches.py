"""Fill batches across clips, and keep a bounded number of calls under way."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from earshift.errors import AudioError

In = TypeVar("In")
Out = TypeVar("Out")


class Piece(NamedTuple):
    """A part of a clip, ready for the network.

    Parameters
    ----------
    rows : slice
        Where its frames belong, among the rows of the job.
    samples : ndarray, float32
        Windows, shape (n_windows, window); or the whole clip, shape (n_samples,).
    """

    rows: slice
    samples: NDArray[np.float32]


class Batch(NamedTuple):
    """Windows of several clips.

    Parameters
    ----------
    windows : ndarray of shape (batch_size, window), float32
        Zeros after the last row of `rows`.
    rows : ndarray of shape (n_windows,), int64
        Where their frames belong, at most `batch_size` of them, increasing.
    """

    windows: NDArray[np.float32]
    rows: NDArray[np.int64]


def fill_batches(pieces: Iterable[Piece], size: int, window: int) -> Iterator[Batch]:
    """Yield full batches of `size` windows of `window` samples; the last may be less.

    Parameters
    ----------
    pieces : iterable of Piece
        With windows, in increasing order of rows.
    size, window : int
        Shape of a batch.

    Yields
    ------
    Batch
        Each a new array, so that several may be under way.
    """
    batch, rows = np.zeros((size, window), np.float32), np.empty(size, np.int64)
    n_filled = 0
    for piece in pieces:
        start = 0
        while start < len(piece.samples):
            part = piece.samples[start : start + size - n_filled]
            stop = n_filled + len(part)
            batch[n_filled:stop] = part
            first = piece.rows.start + start
            rows[n_filled:stop] = np.arange(first, first + len(part))
            start, n_filled = start + len(part), stop
            if n_filled == size:
                yield Batch(batch, rows)
                batch, rows = np.zeros_like(batch), np.empty_like(rows)
                n_filled = 0
    if n_filled:
        yield Batch(batch, rows[:n_filled])


def number(
    windows: Iterable[NDArray[np.float32]], start: int, stop: int
) -> Iterator[Piece]:
    """Yield the windows of one clip as pieces.

    Parameters
    ----------
    windows : iterable of ndarray of shape (n_windows, window), float32
        Of the clip.
    start, stop : int
        First and last-plus-one row that its frames fill.

    Yields
    ------
    Piece
        With the rows of its windows.

    Raises
    ------
    AudioError
        If the windows are more or fewer than the rows, with status ``"changed"``.
    """
    row = start
    for some in windows:
        row += len(some)
        if row > stop:
            break
        yield Piece(slice(row - len(some), row), some)
    if row != stop:
        more = "or more " if row > stop else ""
        raise AudioError(
            "changed",
            f"a clip gives {row - start} {more}frames, not the {stop - start} planned "
            "from its length: was the file changed?",
        )


def call_ahead(
    function: Callable[[In], Out], items: Iterable[In], n_threads: int, n_ahead: int
) -> Iterator[Out]:
    """Yield ``function(item)`` in order, while threads work on the items after it.

    Parameters
    ----------
    function : callable
        Called in `n_threads` threads.
    items : iterable
        Drawn as results are taken, at most `n_ahead` of them before their turn.
    n_threads, n_ahead : int
        Calls at a time, and calls made or waiting ahead of the reader.

    Yields
    ------
    object
        One result per item.
    """
    waiting: deque[Future[Out]] = deque()
    with ThreadPoolExecutor(n_threads) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) > n_ahead:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
