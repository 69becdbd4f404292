"""Pre-trained embedding models: one file each.

A model plugin defines

``env``, ``version``, ``licence``, ``citation``
    Facts that need no framework: the conda environment it runs in, an integer that is
    raised whenever its numbers change, the licence of its weights, and its paper.
``spec(**options)``
    Return the `ModelSpec` for these options. Must import no deep-learning framework.
``network(spec)``
    Load the weights, strictly, and return a function that maps windows of shape
    (n_windows, n_samples) float32 to features of shape (n_windows, n_features) float32.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from earshift import audio, registry
from earshift.errors import AudioError, ConfigError

#: Maps windows (n_windows, n_samples) float32 to features (n_windows, n_features).
Network = Callable[[NDArray[np.float32]], NDArray[np.float32]]


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

    def cut(self, waveform: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the windows of `waveform`, shape (n_windows, window)."""
        n = self.n_windows(len(waveform))
        padded = np.pad(waveform, (self.pad_start, self.pad_end))
        needed = (n - 1) * self.hop + self.window
        if needed > len(padded):
            padded = np.pad(padded, (0, needed - len(padded)))
        if n == 0:
            return np.empty((0, self.window), np.float32)
        windows = np.lib.stride_tricks.sliding_window_view(padded, self.window)
        return windows[: n * self.hop : self.hop][:n]


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
    """

    sample_rate_hz: int
    framing: Framing
    n_features: int
    weights: tuple[Path, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    batch_size: int = 32

    @property
    def hop_s(self) -> float:
        """Time between successive frames, in seconds."""
        return self.framing.hop / self.sample_rate_hz


@dataclass(frozen=True)
class Frames:
    """Embeddings of one waveform.

    Parameters
    ----------
    values : ndarray of shape (n_frames, n_features), float32
        One embedding per window.
    time_s : ndarray of shape (n_frames,), float64
        Multiples of the hop, in seconds: the start of each window; for a model that
        pads half a window before the waveform, its centre.
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
    short : {"pad", "skip", "error"}
        What to do with a waveform too short for a single window.
    """

    def __init__(
        self,
        name: str,
        spec: ModelSpec,
        network: Callable[[ModelSpec], Network],
        short: Literal["pad", "skip", "error"],
    ) -> None:
        self.name = name
        self.spec = spec
        self.short = short
        self._load_network = network

    @cached_property
    def network(self) -> Network:
        """The function from windows to features."""
        return self._load_network(self.spec)

    def n_frames(self, n_samples: int) -> int:
        """Return how many frames a waveform of `n_samples` (model rate) gives."""
        n = self.spec.framing.n_windows(n_samples)
        return 1 if n == 0 and n_samples > 0 and self.short == "pad" else n

    def windows(self, waveform: NDArray[np.float32]) -> NDArray[np.float32]:
        """Cut a mono waveform at the model's rate into windows.

        Parameters
        ----------
        waveform : ndarray of shape (n_samples,), float32
            Mono, in [-1, 1], at `spec.sample_rate_hz`.

        Returns
        -------
        ndarray of shape (n_windows, window)
            No window at all if the waveform is too short and `short` is ``"skip"``.

        Raises
        ------
        AudioError
            If the waveform is too short and `short` is ``"error"``.
        """
        framing = self.spec.framing
        if framing.n_windows(len(waveform)) == 0:
            if self.short == "error":
                rate = self.spec.sample_rate_hz
                raise AudioError(
                    "short",
                    f"{self.name} needs at least {framing.min_samples / rate:.3f} s, "
                    f"got {len(waveform) / rate:.3f} s. Use short='pad' to fill up "
                    "with silence.",
                )
            if self.short == "pad":
                missing = framing.min_samples - len(waveform)
                waveform = np.pad(waveform, (0, missing))
        return framing.cut(waveform)

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
        samples = audio.prepare(waveform, sample_rate, self.spec.sample_rate_hz)
        values = self.embed_windows(self.windows(samples))
        return Frames(
            values, np.arange(len(values), dtype=np.float64) * self.spec.hop_s
        )

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
        size = self.spec.batch_size
        out = np.empty((len(windows), self.spec.n_features), np.float32)
        batch = np.zeros((size, self.spec.framing.window), np.float32)
        for start in range(0, len(windows), size):
            part = windows[start : start + size]
            batch[: len(part)] = part
            batch[len(part) :] = 0
            out[start : start + len(part)] = self.network(batch)[: len(part)]
        return out


def load_model(
    name: str, *, short: Literal["pad", "skip", "error"] = "pad", **options: Any
) -> Model:
    """Return the pre-trained model called `name`.

    Parameters
    ----------
    name : str
        Name of a model (``earshift.registry.names("models")`` lists them) or path of a
        ``.py`` file that defines one.
    short : {"pad", "skip", "error"}, default="pad"
        A waveform too short for one window is padded with zeros, gives no frame, or is
        an error.
    **options
        Options of the model, for instance ``weights`` or ``layer``.

    Returns
    -------
    Model
        With a method ``embed(waveform, sample_rate)``.

    Raises
    ------
    ConfigError
        If there is no such model or option.
    WeightsError
        If its weights are missing or are not those of this model.

    Examples
    --------
    >>> import numpy as np
    >>> from earshift import load_model
    >>> model = load_model("mfcc")
    >>> model.embed(np.sin(np.arange(44100) / 10), 44100).values.shape
    (1, 120)
    """
    if short not in ("pad", "skip", "error"):
        raise ConfigError(f"short must be 'pad', 'skip' or 'error', got '{short}'.")
    plugin = registry.load("models", name)
    registry.check_options("models", name, options)
    return Model(name, plugin.spec(**options), plugin.network, short)
