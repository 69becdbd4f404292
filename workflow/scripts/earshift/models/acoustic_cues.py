"""Acoustic cues: what of a recording may give its dataset away, and is no content.

A control without weights. Where level, silence, bandwidth or long-term spectrum tell
two datasets apart as well as an embedding does, it may tell them apart by these alone;
where they do not, it has other reasons.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from earshift.audio.meter import CENTRES_HZ
from earshift.errors import ConfigError, did_you_mean
from earshift.models._framing import Framing
from earshift.models._frontend import hann
from earshift.models._model import ModelSpec, Network

env = "analysis"
version = 1
is_cue = True
licence = "BSD-3-Clause"
citation = (
    "Zeng, Yin and Liu (2024), Understanding bias in large-scale visual datasets, "
    "NeurIPS, arXiv 2412.01876, which asks of images what this asks of sounds"
)

SAMPLE_RATE_HZ = 44_100

#: Length of the stretches whose level is looked at: 20 ms.
STRETCH = SAMPLE_RATE_HZ // 50

#: Least level, in dB of full scale or of the whole.
FLOOR_DB = -100.0

#: A stretch this far below the loudest one of its window is silent.
SILENT_DB = -45.0

#: Shares of the power below which the bandwidth is read.
SHARES = (0.95, 0.99, 0.999)

Windows = NDArray[np.float64]


def level(windows: Windows, power: Windows) -> Windows:
    """Return root mean square and peak, in dB of full scale."""
    del power
    square = np.square(windows)
    return _db(np.stack([square.mean(axis=1), square.max(axis=1)], axis=1))


def silence(windows: Windows, power: Windows) -> Windows:
    """Return the noise floor, the silent share, and the silence at either end.

    The floor is the level that a twentieth of the stretches lie below, in dB of the
    loudest one; the rest are shares of the window.
    """
    del power
    levels = _db(np.square(windows).reshape(len(windows), -1, STRETCH).mean(axis=2))
    below = levels - levels.max(axis=1, keepdims=True)
    loud = (below >= SILENT_DB) & (levels > FLOOR_DB)
    n = loud.shape[1]
    before = np.where(loud.any(axis=1), loud.argmax(axis=1), n)
    after = np.where(loud.any(axis=1), loud[:, ::-1].argmax(axis=1), n)
    floor = np.quantile(below, 0.05, axis=1)
    return np.stack([floor, 1 - loud.mean(axis=1), before / n, after / n], axis=1)


def bandwidth(windows: Windows, power: Windows) -> Windows:
    """Return the frequencies below which `SHARES` of the power lie, in octaves."""
    del windows
    total = np.cumsum(power, axis=1)
    bins = [(total < share * total[:, -1:]).sum(axis=1) for share in SHARES]
    hz = np.stack(bins, axis=1) * SAMPLE_RATE_HZ / (2 * (power.shape[1] - 1))
    octaves: Windows = np.log2(np.maximum(hz, CENTRES_HZ[0]))
    return octaves


def spectrum(windows: Windows, power: Windows) -> Windows:
    """Return the power in third octaves from 50 Hz to 20 kHz, in dB of the whole."""
    del windows
    total = power.sum(axis=1, keepdims=True)
    share = np.divide(power, total, out=np.zeros_like(power), where=total > 0)
    return _db(share @ _third_octaves(power.shape[1]))


#: Name of a group of cues -> what computes it of windows and their power spectra, and
#: the number of features.
GROUPS: dict[str, tuple[Callable[[Windows, Windows], Windows], int]] = {
    "level": (level, 2),
    "silence": (silence, 4),
    "bandwidth": (bandwidth, len(SHARES)),
    "spectrum": (spectrum, len(CENTRES_HZ)),
}


def spec(*, cues: Sequence[str] = tuple(GROUPS)) -> ModelSpec:
    """Return the facts of the model.

    Parameters
    ----------
    cues : sequence of str
        Groups of cues, of `GROUPS`; by default all.

    Returns
    -------
    ModelSpec
        Windows of 1 s every second, 36 features if there are all groups.

    Raises
    ------
    ConfigError
        If there is no such group, or none at all.
    """
    for name in cues:
        if name not in GROUPS:
            raise ConfigError(
                f"there are no cues '{name}' {did_you_mean(name, GROUPS)}"
            )
    if not cues or isinstance(cues, str):
        raise ConfigError(
            f"'cues' must be a list of {', '.join(GROUPS)}; got {cues!r}."
        )
    return ModelSpec(
        sample_rate_hz=SAMPLE_RATE_HZ,
        framing=Framing(window=SAMPLE_RATE_HZ, hop=SAMPLE_RATE_HZ),
        n_features=sum(GROUPS[name][1] for name in cues),
        options={"cues": list(cues)},
        batch_size=8,
    )


def network(spec: ModelSpec) -> Network:
    """Return the function from windows to features.

    Parameters
    ----------
    spec : ModelSpec
        What `spec` returned.

    Returns
    -------
    callable
        Maps (n_windows, 44100) float32 in [-1, 1] to (n_windows, n_features) float32.
    """
    groups = [GROUPS[name][0] for name in spec.options["cues"]]
    taper = hann(SAMPLE_RATE_HZ)

    def embed(windows: NDArray[np.float32]) -> NDArray[np.float32]:
        exact = windows.astype(np.float64)
        power = np.square(np.abs(np.fft.rfft(exact * taper)))
        return np.concatenate(
            [group(exact, power) for group in groups], axis=1, dtype=np.float32
        )

    return embed


def _db(power: Windows) -> Windows:
    """Return powers in dB, not below `FLOOR_DB`."""
    out: Windows = 10 * np.log10(np.maximum(power, 10 ** (FLOOR_DB / 10)))
    return out


@cache
def _third_octaves(n_bins: int) -> Windows:
    """Return which bins lie in which third octave, (n_bins, n_bands)."""
    hz = np.arange(n_bins) * SAMPLE_RATE_HZ / (2 * (n_bins - 1))
    centres = np.array(CENTRES_HZ)
    inside = (hz[:, None] >= centres * 10**-0.05) & (hz[:, None] < centres * 10**0.05)
    return inside.astype(np.float64)
