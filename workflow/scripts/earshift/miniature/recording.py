"""The planted bias: one recording chain per dataset, from microphone to level.

The instruments, players and songs of the two miniature corpora come from the same
distributions. What differs on purpose is how they were recorded (here) and how often
each genre occurs (`earshift.miniature.plan`). Every difference is audible below 8 kHz,
so models that work at 16 kHz are exposed to all of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy import signal

from earshift.miniature.sound import (
    RATE_HZ,
    Samples,
    band_noise,
    high_pass,
    low_pass,
    resonate,
    rms,
)

#: Highest sample value a recording may reach, as a fraction of full scale.
PEAK = 0.97


@dataclass(frozen=True)
class Chain:
    """How one dataset was recorded.

    Parameters
    ----------
    high_cut_hz : float
        The microphone falls by 6 dB per octave above this frequency.
    low_cut_hz : float
        The microphone hears nothing below.
    presence_db, presence_hz : float
        Gain and centre of a band that the microphone favours, one octave wide.
    box_db, box_hz : float
        Gain and centre of the room's dominant resonance.
    reverb_s : float
        Time in which the room's sound falls by 60 dB.
    reverb_db : float
        Level of the room's sound relative to the direct one.
    noise_db : float
        Level of the hiss, relative to the music.
    hum_db : float
        Level of mains hum (50 Hz and harmonics), relative to the music.
    level_dbfs : float
        Root mean square of a clip, in dB of full scale.
    level_spread_db : float
        Standard deviation of that level between recordings.
    spread : float
        Standard deviation between recordings of everything else above: dB values
        move by three times this, frequencies and times by this fraction.
    compression : float
        Of the lossy codec, from 0 (least) to 1; unused where the layout is lossless.
    """

    high_cut_hz: float
    low_cut_hz: float
    presence_db: float
    presence_hz: float
    box_db: float
    box_hz: float
    reverb_s: float
    reverb_db: float
    noise_db: float
    hum_db: float
    level_dbfs: float
    level_spread_db: float
    spread: float
    compression: float


#: The chain of each corpus: a close, dry, loud studio; a dark recorder in a boxy room.
CHAINS = {
    "irmas": Chain(
        high_cut_hz=14_000.0,
        low_cut_hz=30.0,
        presence_db=4.0,
        presence_hz=4_500.0,
        box_db=0.0,
        box_hz=400.0,
        reverb_s=0.25,
        reverb_db=-18.0,
        noise_db=-60.0,
        hum_db=-80.0,
        level_dbfs=-16.0,
        level_spread_db=1.0,
        spread=0.1,
        compression=0.2,
    ),
    "openmic": Chain(
        high_cut_hz=2_800.0,
        low_cut_hz=120.0,
        presence_db=-3.0,
        presence_hz=4_500.0,
        box_db=8.0,
        box_hz=420.0,
        reverb_s=0.7,
        reverb_db=-3.0,
        noise_db=-32.0,
        hum_db=-32.0,
        level_dbfs=-27.0,
        level_spread_db=4.0,
        spread=0.2,
        compression=0.6,
    ),
}

#: The chain of both corpora where no shift is wanted.
NEUTRAL = CHAINS["irmas"]


@dataclass(frozen=True)
class Setup:
    """One recording session: a chain with the luck of the day.

    Parameters
    ----------
    chain : Chain
        The session's own values.
    room : ndarray of shape (n_samples, n_channels), float32
        Impulse response, direct sound included.
    """

    chain: Chain
    room: NDArray[np.float32]

    @classmethod
    def draw(cls, chain: Chain, n_channels: int, rng: np.random.Generator) -> Self:
        """Return a session of a dataset.

        Parameters
        ----------
        chain : Chain
            What sessions of the dataset have in common.
        n_channels : int
            1 or 2; the channels share the direct sound, not the room's.
        rng : Generator
            Draws the deviations and the room.

        Returns
        -------
        Setup
            The session.
        """
        drawn = {}
        for name, value in vars(chain).items():
            deviation = float(np.clip(rng.standard_normal(), -2.0, 2.0))
            if name == "level_dbfs":
                value += chain.level_spread_db * deviation
            elif name.endswith("_db"):
                value += 3.0 * chain.spread * deviation
            elif name.endswith(("_hz", "reverb_s")):
                value *= float(np.exp(chain.spread * deviation))
            drawn[name] = value
        session_chain = Chain(**drawn)
        return cls(session_chain, _room(session_chain, n_channels, rng))


def _room(
    chain: Chain, n_channels: int, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Return an impulse response: direct sound, early echoes, exponential tail.

    The tail is noise whose high frequencies die first, after Moorer (1979), "About
    this reverberation business", Computer Music Journal 3 (2), 13-28.
    """
    n_samples = round(chain.reverb_s * RATE_HZ)
    time_s = np.arange(n_samples)[:, None] / RATE_HZ
    tail = rng.standard_normal((n_samples, n_channels))
    tail *= 10.0 ** (-3.0 * time_s / chain.reverb_s)
    tail[: round(0.004 * RATE_HZ)] = 0.0
    tail = 0.6 * low_pass(tail, 2_500.0, order=1) + 0.1 * tail
    for _ in range(6):
        echo = int(rng.integers(round(0.003 * RATE_HZ), round(0.02 * RATE_HZ)))
        tail[echo] += rng.uniform(-1.5, 1.5, size=n_channels)
    tail *= 10.0 ** (chain.reverb_db / 20.0) / np.sqrt(np.sum(tail**2, axis=0))
    tail[0] = 1.0
    return tail.astype(np.float32)


def record(music: Samples, setup: Setup, rng: np.random.Generator) -> Samples:
    """Record music in a session.

    Parameters
    ----------
    music : ndarray of shape (n_samples,)
        Dry sound of any level, at `RATE_HZ`.
    setup : Setup
        The session.
    rng : Generator
        Draws hiss, and the phase of the hum.

    Returns
    -------
    ndarray of shape (n_samples, n_channels)
        Within `PEAK` of full scale; faded over 5 ms at both ends.
    """
    chain = setup.chain
    n_samples, n_channels = len(music), setup.room.shape[1]
    single = music.astype(np.float32)  # halves the time; its noise is at -140 dB
    heard = np.empty((n_samples, n_channels))
    for channel, room in enumerate(setup.room.T):
        heard[:, channel] = signal.oaconvolve(single, room)[:n_samples]
    heard = low_pass(heard, chain.high_cut_hz, order=1)
    heard = high_pass(heard, chain.low_cut_hz)
    heard = resonate(
        heard,
        (chain.presence_hz, chain.box_hz),
        (chain.presence_db, chain.box_db),
        (0.7, 0.7),
    )
    heard /= rms(heard) + 1e-9
    heard += 10.0 ** (chain.hum_db / 20.0) * _hum(n_samples, rng)[:, None]
    for channel in range(n_channels):
        hiss = band_noise(n_samples, 200.0, 9_000.0, rng)
        hiss *= 10.0 ** (chain.noise_db / 20.0)
        heard[:, channel] += hiss
    gain = 10.0 ** (chain.level_dbfs / 20.0) / rms(heard)
    heard *= min(gain, PEAK / float(np.abs(heard).max()))
    n_fade = round(0.005 * RATE_HZ)
    ramp = np.sin(np.linspace(0.0, 0.5 * np.pi, n_fade))[:, None] ** 2
    heard[:n_fade] *= ramp
    heard[-n_fade:] *= ramp[::-1]
    return heard


def _hum(n_samples: int, rng: np.random.Generator) -> Samples:
    """Return mains hum of unit root mean square: 50 Hz and its first harmonics."""
    phase = 2.0 * np.pi * (np.arange(RATE_HZ // 50) * 50.0 / RATE_HZ + rng.uniform())
    period = np.zeros_like(phase)
    for number, amplitude in ((1, 0.5), (2, 1.0), (3, 0.6), (4, 0.3), (6, 0.2)):
        period += amplitude * np.sin(number * phase)
    return np.resize(period / rms(period), n_samples)
