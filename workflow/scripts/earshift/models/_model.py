"""What a model is: its facts, its network, and how it embeds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from earshift.audio import reading
from earshift.errors import AudioError
from earshift.models._batches import Batch, Piece, call_ahead, fill_batches, number
from earshift.models._framing import Framing, fill_up

#: What a model may do with clips too short for one window; the first is the default.
SHORT = ("pad", "repeat", "reflect", "skip", "error")

#: Those of `SHORT` that fill up a window.
FILLS = ("pad", "repeat", "reflect")

#: Types a network may compute in; its input and output are float32 always.
PRECISIONS = ("float32", "bfloat16")

#: Maps windows (n_windows, n_samples) float32 to features (n_windows, n_features); or,
#: for a model of whole clips, a waveform (n_samples,) to frames (n_frames, n_features).
Network = Callable[[NDArray[np.float32]], NDArray[np.float32]]

#: Rows of the job, shape (n,) int64, and the frames there, (n, n_features) float32.
Embedded = tuple[NDArray[np.int64], NDArray[np.float32]]


@dataclass(frozen=True)
class ModelSpec:
    """What the pipeline must know of a model, without loading it.

    Parameters
    ----------
    sample_rate_hz : int
        Rate the network expects.
    framing : Framing
        How waveforms are cut into windows.
    n_features : int
        Length of one embedding.
    weights : tuple of Path, default=()
        Files whose contents decide the numbers; their hash is part of the provenance.
    options : mapping, default={}
        The plugin's own options, all of them, defaults filled in.
    batch_size : int, default=32
        Windows per call of the network.
    precisions : tuple of str, default=("float32",)
        Those of `PRECISIONS` that the network can compute in.
    precision : str, default="float32"
        That which it shall compute in; set by `load_model`.
    """

    sample_rate_hz: int
    framing: Framing
    n_features: int
    weights: tuple[Path, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    batch_size: int = 32
    precisions: tuple[str, ...] = ("float32",)
    precision: str = "float32"

    @property
    def hop_s(self) -> float:
        """Time between successive frames, in seconds."""
        return self.framing.hop / self.sample_rate_hz

    @property
    def window_s(self) -> float:
        """Length of a window, in seconds."""
        return self.framing.window / self.sample_rate_hz


@dataclass(frozen=True)
class ClipSpec:
    """The same of a model that takes whole clips, such as those behind an adapter.

    Parameters
    ----------
    sample_rate_hz, n_features, weights, options, precisions, precision
        As of `ModelSpec`.
    min_s : float, default=0.0
        Shortest clip it takes, in seconds.
    hop_s : float, optional
        Time between successive frames in seconds, where it is constant and known.
    """

    sample_rate_hz: int
    n_features: int
    weights: tuple[Path, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    min_s: float = 0.0
    hop_s: float | None = None
    precisions: tuple[str, ...] = ("float32",)
    precision: str = "float32"

    @property
    def window_s(self) -> None:
        """There is none: the whole clip is one."""
        return


@dataclass(frozen=True)
class Frames:
    """Embeddings of one waveform.

    Parameters
    ----------
    values : ndarray of shape (n_frames, n_features), float32
        One embedding per window.
    time_s : ndarray of shape (n_frames,), float64
        Multiples of the hop, in seconds: the start of each window; for a model that
        pads half a window before the waveform, its centre. NaN if the hop is not known.
    """

    values: NDArray[np.float32]
    time_s: NDArray[np.float64]


class Model:
    """A pre-trained model, ready to embed waveforms.

    Made by `load_model`. The network and its weights are loaded at the first use.

    Parameters
    ----------
    name : str
        Name or path of the plugin.
    spec : ModelSpec
        Facts of the model.
    network : callable
        Returns the network when called with `spec`.
    short : {"pad", "repeat", "reflect", "skip", "error"}
        What to do with a waveform of fewer samples than `shortest`.
    resampler : str
        One of `earshift.audio.resampling.RESAMPLERS`.
    """

    def __init__(
        self,
        name: str,
        spec: ModelSpec | ClipSpec,
        network: Callable[[Any], Network],
        *,
        short: str,
        resampler: str,
    ) -> None:
        self.name = name
        self.spec: Any = spec
        self.short, self.resampler = short, resampler
        self._load_network = network

    @cached_property
    def network(self) -> Network:
        """The network with its weights."""
        return self._load_network(self.spec)

    def embed(self, waveform: ArrayLike, sample_rate: int) -> Frames:
        """Embed one waveform.

        Parameters
        ----------
        waveform : array_like of shape (n_samples,) or (n_samples, n_channels)
            Audio in [-1, 1]; channels are averaged.
        sample_rate : int
            Samples per second of `waveform`, in Hz; resampled to the model's.

        Returns
        -------
        Frames
            `values` of shape (n_frames, n_features) float32, and `time_s`.

        Raises
        ------
        AudioError
            If the waveform is empty, not finite, or too short with ``short="error"``.
        """
        samples = reading.prepare(
            waveform, sample_rate, self.spec.sample_rate_hz, self.resampler
        )
        values = self._embed_samples(samples)
        hop_s = np.nan if self.spec.hop_s is None else self.spec.hop_s
        return Frames(values, np.arange(len(values), dtype=np.float64) * hop_s)

    def _embed_samples(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        n = self.n_frames(len(samples))
        out = np.empty((n, self.spec.n_features), np.float32)
        for rows, frames in self.run(number(self.pieces([samples]), 0, n), 1):
            out[rows] = frames
        return out

    def windows(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Cut a mono waveform at the model's rate into windows, (n_windows, window).

        As `pieces`, for a waveform that is at hand as a whole.
        """
        none = np.empty((0, self.spec.framing.window), np.float32)
        return np.concatenate([none, *self.pieces([samples])])

    def embed_windows(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Run the network over any number of windows, in batches of one fixed size.

        Parameters
        ----------
        windows : ndarray of shape (n_windows, window), float32
            As `windows` returns them.

        Returns
        -------
        ndarray of shape (n_windows, n_features), float32
            One embedding per window.
        """
        out = np.empty((len(windows), self.spec.n_features), np.float32)
        for rows, frames in self.run([Piece(slice(0, len(windows)), windows)], 1):
            out[rows] = frames
        return out

    @property
    def shortest(self) -> int:
        """Fewest samples, at the model's rate, of a waveform that is not short."""
        return int(self.spec.framing.shortest)

    def n_frames(self, n_samples: int) -> int:
        """Return how many frames a waveform of `n_samples` (model rate) gives."""
        framing: Framing = self.spec.framing
        if self.short == "pad":
            return max(1, framing.n_windows(n_samples))
        if n_samples < self.shortest:
            if self.short not in FILLS:
                return 0
            n_samples = self.shortest
        return framing.n_windows(n_samples)

    def filled(self, n_samples: int) -> int:
        """Return the samples, at least as many, that fill a waveform's windows.

        Parameters
        ----------
        n_samples : int
            Length of the waveform, at the model's rate.

        Returns
        -------
        int
            Length at which it gives as many frames, and no window is padded but by what
            the model puts around every waveform. `n_samples` itself if it gives none.
        """
        framing: Framing = self.spec.framing
        n = self.n_frames(n_samples)
        around = framing.pad_start + framing.pad_end
        whole = framing.window + (n - 1) * framing.hop - around
        return max(n_samples, whole) if n else n_samples

    def pieces(
        self, blocks: Iterable[NDArray[np.float32]]
    ) -> Iterator[NDArray[np.float32]]:
        """Cut a waveform, which comes block by block, into what the network takes.

        Parameters
        ----------
        blocks : iterable of ndarray of shape (n_samples,), float32
            Mono, in [-1, 1], at `spec.sample_rate_hz`.

        Yields
        ------
        ndarray of shape (n_windows, window), float32
            None at all if the waveform is short and `short` is ``"skip"``.

        Raises
        ------
        AudioError
            If the waveform is short and `short` is ``"error"``.
        """
        framing: Framing = self.spec.framing
        if self.short == "pad":  # as the originals do, window by window
            yield from framing.cut(blocks, n_least=1)
            return
        source = iter(blocks)
        first_blocks, n = [np.empty(0, np.float32)], 0
        while n < self.shortest and (block := next(source, None)) is not None:
            first_blocks.append(block)
            n += len(block)
        if n < self.shortest:
            first_blocks = self._fill_up(np.concatenate(first_blocks))
        if first_blocks:
            yield from framing.cut(chain(first_blocks, source))

    def _fill_up(self, samples: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """Return a short waveform filled up; none at all, or an error, if so asked."""
        rate = self.spec.sample_rate_hz
        if self.short == "error":
            raise AudioError(
                "short",
                f"{self.name} needs at least {self.shortest / rate:.3f} s, got "
                f"{len(samples) / rate:.3f} s. Leave such clips out of the dataset, or "
                "use another 'short': pad, repeat and reflect fill up the clip, skip "
                "leaves it out.",
            )
        if self.short == "skip":
            return []
        return [fill_up(samples, self.shortest, self.short)]

    def run(self, pieces: Iterable[Piece], n_threads: int) -> Iterator[Embedded]:
        """Embed the pieces of many clips, in batches of one fixed size.

        Parameters
        ----------
        pieces : iterable of Piece
            In increasing order of rows.
        n_threads : int
            Calls of the network at a time.

        Yields
        ------
        tuple of ndarray (n,), int64, and ndarray (n, n_features), float32
            Rows, increasing, and the frames that belong there.
        """

        def embed(batch: Batch) -> Embedded:
            return batch.rows, self.network(batch.windows)[: len(batch.rows)]

        window = self.spec.framing.window
        batches = fill_batches(pieces, self.spec.batch_size, window)
        # One call more than threads is ready: the network never waits for its input.
        yield from call_ahead(embed, batches, n_threads, n_threads + 1)

    def warm_up(self) -> None:
        """Load the network and compile it."""
        self.network(np.zeros((self.spec.batch_size, self.spec.framing.window), "f4"))
