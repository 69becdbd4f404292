"""Play the clips of one recording: song, players and session stay, the notes change."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from earshift.miniature.arrangement import GENRES, Song, compose
from earshift.miniature.backing import accompany
from earshift.miniature.instruments import INSTRUMENTS, play
from earshift.miniature.players import Player
from earshift.miniature.recording import Chain, Setup, record
from earshift.miniature.sound import RATE_HZ, Samples

#: Music played before a clip begins, in seconds, so that clips start amid notes.
LEAD_IN_S = 0.75

#: Largest difference in level between two instruments of a clip, in dB.
BALANCE_DB = 3.0


@dataclass(frozen=True)
class Recording:
    """What is played in one recording, and how often it is cut.

    Parameters
    ----------
    genre : str
        A key of `GENRES`.
    codes : tuple of str
        Its one or two instruments, keys of `INSTRUMENTS`.
    n_clips : int
        Clips cut from it.
    """

    genre: str
    codes: tuple[str, ...]
    n_clips: int

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of its instruments' classes."""
        return tuple(INSTRUMENTS[code].name for code in self.codes)


def perform(
    recording: Recording,
    chain: Chain,
    *,
    duration_s: float,
    n_channels: int,
    seed: np.random.SeedSequence,
) -> Iterator[Samples]:
    """Yield the clips of one recording.

    Parameters
    ----------
    recording : Recording
        What to play.
    chain : Chain
        How the dataset is recorded.
    duration_s : float
        Length of a clip, in seconds.
    n_channels : int
        1 or 2.
    seed : SeedSequence
        Of this recording alone. Each clip gets a child of it.

    Yields
    ------
    ndarray of shape (n_samples, n_channels)
        One clip, in [-1, 1], at `RATE_HZ`.
    """
    shared, *clip_seeds = seed.spawn(1 + recording.n_clips)
    rng = np.random.default_rng(shared)
    song = Song.draw(GENRES[recording.genre], rng)
    players = [Player.draw(rng) for _ in recording.codes]
    balance_db = [float(rng.uniform(-0.5, 0.5)) * BALANCE_DB for _ in players]
    setup = Setup.draw(chain, n_channels, rng)
    n_lead = round(LEAD_IN_S * RATE_HZ)
    n_samples = n_lead + round(duration_s * RATE_HZ)
    for clip_seed in clip_seeds:
        rng = np.random.default_rng(clip_seed)
        music = np.zeros(n_samples)
        for code, player, db in zip(recording.codes, players, balance_db, strict=True):
            score = compose(song, code, player, n_samples / RATE_HZ, rng)
            music += 10.0 ** (db / 20.0) * play(code, score, player, n_samples, rng)
        backing_db = song.genre.backing_db
        music += 10.0 ** (backing_db / 20.0) * accompany(song, n_samples, rng)
        yield record(music[n_lead:], setup, rng)
