"""Models that take whole clips, such as those behind an adapter."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from earshift.errors import ConfigError, DataError
from earshift.models._batches import Piece
from earshift.models._model import FILLS, ClipSpec, Embedded, Model

log = logging.getLogger(__name__)


class ClipModel(Model):
    """A model that takes whole clips, and gives each as many frames as it likes.

    Parameters
    ----------
    name, spec, network, short, resampler
        As of `Model`, with a `ClipSpec`, and a network that maps one waveform.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._counts: dict[int, int] = {}  # samples -> frames

    def _embed_samples(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        none = np.empty((0, self.spec.n_features), np.float32)
        return np.concatenate([none, *map(self._call, self.pieces([samples]))])

    def _call(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        frames = np.asarray(self.network(samples), np.float32)
        if frames.ndim != 2 or frames.shape[1] != self.spec.n_features:
            raise ConfigError(
                f"{self.name} must map a waveform to frames of shape (n_frames, "
                f"{self.spec.n_features}), and gives {frames.shape}: is the option "
                "'n_features' right?"
            )
        return frames

    @property
    def shortest(self) -> int:
        """Fewest samples, at the model's rate, that the network takes."""
        spec: ClipSpec = self.spec
        return max(1, round(spec.min_s * spec.sample_rate_hz))

    def n_frames(self, n_samples: int) -> int:
        """Return how many frames a waveform of `n_samples` (model rate) gives.

        The network embeds as much silence to find out, once for each length.
        """
        if n_samples < self.shortest:
            if self.short not in FILLS:
                return 0
            n_samples = self.shortest
        if n_samples not in self._counts:
            silence = np.zeros(n_samples, np.float32)
            self._counts[n_samples] = len(self._call(silence))
        return self._counts[n_samples]

    def pieces(
        self, blocks: Iterable[NDArray[np.float32]]
    ) -> Iterator[NDArray[np.float32]]:
        """Put a waveform together; one too short is filled up, left out or refused."""
        samples = np.concatenate([np.empty(0, np.float32), *blocks])
        short = len(samples) < self.shortest
        yield from self._fill_up(samples) if short else [samples]

    def run(self, pieces: Iterable[Piece], n_threads: int) -> Iterator[Embedded]:
        """Embed clips one after the other.

        Parameters
        ----------
        pieces : iterable of Piece
            One per clip.
        n_threads : int
            Not used: such a network has threads of its own.

        Yields
        ------
        tuple of ndarray (n,), int64, and ndarray (n, n_features), float32
            Rows, increasing, and the frames that belong there: NaN for a clip on which
            the network fails, or gives another number of frames than for silence.
        """
        del n_threads
        for rows, samples in pieces:
            expected = rows.stop - rows.start
            try:
                frames = self._call(samples)
                if len(frames) != expected:
                    raise DataError(
                        f"{self.name} must give as many frames for every clip of a "
                        f"length: {len(samples)} samples of silence gave {expected}, a "
                        f"clip gives {len(frames)}."
                    )
            except DataError as error:
                log.warning("%s", error)
                frames = np.full((expected, self.spec.n_features), np.nan, np.float32)
            yield np.arange(rows.start, rows.stop), frames

    def warm_up(self) -> None:
        """Load the network."""
        _ = self.network
