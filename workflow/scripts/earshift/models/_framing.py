"""How waveforms are cut into the windows that a network sees."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray


def fill_up(
    samples: NDArray[np.float32], n_samples: int, how: str
) -> NDArray[np.float32]:
    """Make a short waveform longer, at its end.

    Parameters
    ----------
    samples : ndarray of shape (n,), float32
        The waveform.
    n_samples : int
        Its new length, `n` or more.
    how : {"pad", "repeat", "reflect"}
        With zeros; with the waveform from its beginning, again and again, sample ``i``
        being ``samples[i % n]``; or with the waveform backwards, then forwards, and so
        on, the sample at a turn being there once: ``a b c b a b c b ...``.

    Returns
    -------
    ndarray of shape (n_samples,), float32
        It begins with `samples`. A waveform without samples becomes zeros.
    """
    n = len(samples)
    if how == "pad" or n == 0:
        return np.pad(samples, (0, n_samples - n))
    place = np.arange(n_samples) % (n if how == "repeat" else max(1, 2 * n - 2))
    return samples[np.minimum(place, 2 * n - 2 - place) if how == "reflect" else place]


@dataclass(frozen=True)
class Framing:
    """How a waveform is cut into the windows that a network sees, all in samples.

    Parameters
    ----------
    window, hop : int
        Length of a window, and the distance from one to the next.
    pad_start, pad_end : int, default=0
        Zeros put before and after every waveform.
    tail : {"drop", "pad"}, default="drop"
        What becomes of samples after the last whole window: left out, or padded with
        zeros to one more window.
    """

    window: int
    hop: int
    pad_start: int = 0
    pad_end: int = 0
    tail: Literal["drop", "pad"] = "drop"

    def n_windows(self, n_samples: int) -> int:
        """Return how many windows a waveform of `n_samples` gives, 0 if too short."""
        beyond = self.pad_start + n_samples + self.pad_end - self.window
        if self.tail == "pad":
            return 1 + max(0, -(-beyond // self.hop))
        return 0 if beyond < 0 else 1 + beyond // self.hop

    @property
    def min_samples(self) -> int:
        """Fewest samples of a waveform that fill one window without other padding."""
        return max(1, self.window - self.pad_start - self.pad_end)

    @property
    def shortest(self) -> int:
        """Fewest samples of a waveform that is not short: it fills a window alone.

        Zeros that a model puts around every waveform because its spectrogram needs
        them (`pad_start` and `pad_end` without a padded `tail`) count as filled.
        """
        return self.window if self.tail == "pad" else self.min_samples

    def cut(
        self, blocks: Iterable[NDArray[np.float32]], n_least: int = 0
    ) -> Iterator[NDArray[np.float32]]:
        """Cut a waveform, which comes block by block, into windows.

        Parameters
        ----------
        blocks : iterable of ndarray of shape (n_samples,), float32
            The waveform; at most one block and one window of it are held.
        n_least : int, default=0
            Windows to give at least: zeros fill up what is missing.

        Yields
        ------
        ndarray of shape (n_windows, window), float32
            The next windows, read-only views.
        """
        pending = np.zeros(self.pad_start, np.float32)
        n_samples = n_given = 0
        late = 0  # samples to come before the next window starts
        for block in blocks:
            n_samples += len(block)
            pending = np.concatenate([pending, block[late:]])
            late = max(0, late - len(block))
            n = 1 + (len(pending) - self.window) // self.hop
            if n > 0:
                yield self._windows(pending, n)
                n_given += n
                late = max(0, n * self.hop - len(pending))
                pending = pending[n * self.hop :]
        left = max(n_least, self.n_windows(n_samples)) - n_given
        if left > 0:
            needed = late + (left - 1) * self.hop + self.window
            end = np.zeros(max(0, needed - len(pending)), np.float32)
            yield self._windows(np.concatenate([pending, end])[late:], left)

    def _windows(self, samples: NDArray[np.float32], n: int) -> NDArray[np.float32]:
        windows = np.lib.stride_tricks.sliding_window_view(samples, self.window)
        return windows[:: self.hop][:n]
