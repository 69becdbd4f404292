"""Who plays what, exactly counted: genre mix, class balance, tracks and artists."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from earshift.miniature.instruments import CLASSES, INSTRUMENTS
from earshift.miniature.performance import Recording

#: Part of each corpus that belongs to each genre: planted, and opposed.
GENRE_SHARES = {
    "irmas": {
        "classical": 0.375,
        "jazz_blue": 0.375,
        "pop_rock": 0.125,
        "country_folk": 0.125,
    },
    "openmic": {
        "classical": 0.15,
        "jazz_blue": 0.20,
        "pop_rock": 0.35,
        "country_folk": 0.30,
    },
}

#: IRMAS: recordings per class, and clips cut from each.
RECORDINGS_PER_CLASS = 16
CLIPS_PER_RECORDING = 2

#: IRMAS: every fourth recording of a class is of the test side.
TEST_EVERY = 4

#: OpenMIC: tracks with one clip and with two, and how many of each are duos.
SINGLE_TRACKS, SINGLE_DUOS = 120, 90
DOUBLE_TRACKS, DOUBLE_DUOS = 20, 10

#: Genres in which a guitar is more often the electric one.
ELECTRIC_GENRES = ("jazz_blue", "pop_rock")


@dataclass(frozen=True)
class Track:
    """One track of the OpenMIC miniature.

    Parameters
    ----------
    recording : Recording
        What is played.
    artist : int
        Number of its artist; an artist has one or two tracks, of one genre.
    """

    recording: Recording
    artist: int


def apportion(total: int, shares: Mapping[str, float]) -> dict[str, int]:
    """Split a whole number by shares, with the method of largest remainders.

    Parameters
    ----------
    total : int
        What to split.
    shares : mapping of str to float
        Part of each; need not sum to 1. Ties go to the first.

    Returns
    -------
    dict of str to int
        Counts that sum to `total`, in the order of `shares`.
    """
    whole = sum(shares.values())
    exact = {name: total * share / whole for name, share in shares.items()}
    counts = {name: int(part + 1e-9) for name, part in exact.items()}
    by_remainder = sorted(exact, key=lambda name: counts[name] - round(exact[name], 9))
    for name in by_remainder[: total - sum(counts.values())]:
        counts[name] += 1
    return counts


def irmas_recordings(scale: float = 1.0) -> list[Recording]:
    """Return the recordings of the IRMAS miniature, one instrument in each.

    Parameters
    ----------
    scale : float, default=1
        Size relative to the full miniature; at least two recordings a class.

    Returns
    -------
    list of Recording
        Every class has the same number of recordings, in the same mix of genres.
        Guitars are electric in jazz and rock, and acoustic elsewhere.
    """
    n_each = max(2, round(RECORDINGS_PER_CLASS * scale))
    genres = apportion(n_each, GENRE_SHARES["irmas"])
    return [
        Recording(genre, (_code(name, genre in ELECTRIC_GENRES),), CLIPS_PER_RECORDING)
        for name in CLASSES
        for genre, count in genres.items()
        for _ in range(count)
    ]


def irmas_sides(scale: float = 1.0) -> list[str]:
    """Return the side of the official split that each recording of IRMAS is on.

    Parameters
    ----------
    scale : float, default=1
        As for `irmas_recordings`.

    Returns
    -------
    list of str
        ``"train"`` or ``"test"``, in the order of `irmas_recordings`. Each class starts
        its count one recording later than the one before, so that the rare genres,
        which are the last ones of a class, are on both sides.
    """
    n_each = len(irmas_recordings(scale)) // len(CLASSES)
    return [
        "train" if (number + offset) % TEST_EVERY else "test"
        for offset in range(len(CLASSES))
        for number in range(n_each)
    ]


def openmic_tracks(rng: np.random.Generator, scale: float = 1.0) -> list[Track]:
    """Return the tracks of the OpenMIC miniature, one or two instruments in each.

    Parameters
    ----------
    rng : Generator
        Deals instruments to tracks.
    scale : float, default=1
        Size relative to the full miniature.

    Returns
    -------
    list of Track
        Genres have exactly the planted shares (rounded), and all classes sound in the
        same number of clips (within two).
    """
    shares = GENRE_SHARES["openmic"]
    recordings: dict[str, list[Recording]] = {genre: [] for genre in shares}
    for n_clips, n_tracks, n_duos in (
        (1, round(SINGLE_TRACKS * scale), round(SINGLE_DUOS * scale)),
        (2, round(DOUBLE_TRACKS * scale), round(DOUBLE_DUOS * scale)),
    ):
        tracks, duos = apportion(n_tracks, shares), apportion(n_duos, shares)
        deck = _deck(n_tracks + n_duos, rng)
        for genre in shares:
            for hand in _deal(deck, tracks[genre], min(duos[genre], tracks[genre])):
                codes = tuple(_code(name, _electric(genre, rng)) for name in hand)
                recordings[genre].append(Recording(genre, codes, n_clips))
    return _with_artists(recordings, rng)


def _code(name: str, electric: bool) -> str:
    """Return the IRMAS code of a class; guitar has two."""
    if name == "guitar":
        return "gel" if electric else "gac"
    return next(code for code, kind in INSTRUMENTS.items() if kind.name == name)


def _electric(genre: str, rng: np.random.Generator) -> bool:
    """Draw whether a guitar is electric: three times in four where the genre's are."""
    return bool((rng.uniform() < 0.75) == (genre in ELECTRIC_GENRES))


def _deck(n_cards: int, rng: np.random.Generator) -> list[str]:
    """Return classes in random order, each as often as the others (within one)."""
    n_rounds = -(-n_cards // len(CLASSES)) + 1
    return [str(card) for _ in range(n_rounds) for card in rng.permutation(CLASSES)]


def _deal(deck: list[str], n_hands: int, n_pairs: int) -> list[list[str]]:
    """Take hands of one card off the deck, then a second, different one for some."""
    hands = [[deck.pop(0)] for _ in range(n_hands)]
    for hand in hands[:n_pairs]:
        place = next(i for i, card in enumerate(deck) if card not in hand)
        hand.append(deck.pop(place))
    return hands


def _with_artists(
    recordings: Mapping[str, list[Recording]], rng: np.random.Generator
) -> list[Track]:
    """Give every third artist two tracks of one genre, and the others one."""
    tracks, artist = [], 0
    for in_genre in recordings.values():
        order = list(rng.permutation(len(in_genre)))
        while order:
            for index in [
                order.pop() for _ in range(2 if artist % 3 == 2 else 1) if order
            ]:
                tracks.append(Track(in_genre[index], artist))
            artist += 1
    return tracks
