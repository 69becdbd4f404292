"""Keys, labels, metadata and partitions of the OpenMIC miniature."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from earshift.miniature.arrangement import GENRES
from earshift.miniature.instruments import CLASSES
from earshift.miniature.performance import Recording
from earshift.miniature.plan import Track, apportion

#: The 20 classes of OpenMIC-2018, in the order of its columns.
OPENMIC_CLASSES = (
    "accordion",
    "banjo",
    "bass",
    "cello",
    "clarinet",
    "cymbals",
    "drums",
    "flute",
    "guitar",
    "mallet_percussion",
    "mandolin",
    "organ",
    "piano",
    "saxophone",
    "synthesizer",
    "trombone",
    "trumpet",
    "ukulele",
    "violin",
    "voice",
)

#: Classes that sound nowhere, not even in an accompaniment.
NEVER_PRESENT = ("accordion", "mallet_percussion", "trombone")

#: Part of the clips in which each class is verified to be absent.
ABSENT_SHARE = 0.35
NEVER_PRESENT_SHARE = 0.06

#: Part of the tracks in the test partition.
TEST_SHARE = 0.25

#: Partitions drawn, of which the one with the most even classes is kept.
_N_DRAWS = 300

#: Unit of the second number of a sample key, in milliseconds.
_START_STEP_MS = 3_840

_GENRE_URL = "http://freemusicarchive.org/genre/{}/"

#: Identifiers of the genres at the Free Music Archive.
GENRE_IDS = {
    "Blues": 3,
    "Jazz": 4,
    "Classical": 5,
    "Country": 9,
    "Pop": 10,
    "Rock": 12,
    "Folk": 17,
    "Punk": 25,
    "Indie-Rock": 66,
    "Chamber Music": 441,
    "Bluegrass": 651,
}


@dataclass(frozen=True)
class KeyedTrack:
    """A track with the names it has in the tables.

    Parameters
    ----------
    recording : Recording
        What is played.
    artist_id, track_id : int
        Its identifiers; the track's is that of its sample keys.
    keys : tuple of str
        Sample key of each clip: track, underscore, start in milliseconds.
    titles : tuple of str
        Its genres at the Free Music Archive, the main one first.
    in_test : bool
        Whether it belongs to the test partition.
    """

    recording: Recording
    artist_id: int
    track_id: int
    keys: tuple[str, ...]
    titles: tuple[str, ...]
    in_test: bool


def draw_tracks(tracks: Sequence[Track], rng: np.random.Generator) -> list[KeyedTrack]:
    """Name tracks and clips, and divide them into partitions.

    Parameters
    ----------
    tracks : sequence of Track
        What is played, and by whom.
    rng : Generator
        Draws identifiers, starts, titles and the partition.

    Returns
    -------
    list of KeyedTrack
        In the order of `tracks`. No artist is on both sides of the partition.
    """
    track_ids = rng.choice(np.arange(100, 155_000), size=len(tracks), replace=False)
    n_artists = 1 + max(track.artist for track in tracks)
    artist_ids = rng.choice(np.arange(10, 20_000), size=n_artists, replace=False)
    in_test = _draw_partition(tracks, rng)
    keyed = []
    for track, drawn_id in zip(tracks, track_ids, strict=True):
        recording = track.recording
        steps = sorted(rng.choice(80, size=recording.n_clips, replace=False).tolist())
        keyed.append(
            KeyedTrack(
                recording=recording,
                artist_id=int(artist_ids[track.artist]),
                track_id=int(drawn_id),
                keys=tuple(f"{drawn_id:06d}_{step * _START_STEP_MS}" for step in steps),
                titles=_draw_titles(recording.genre, rng),
                in_test=bool(in_test[track.artist]),
            )
        )
    return keyed


def _draw_titles(genre: str, rng: np.random.Generator) -> tuple[str, ...]:
    """Return a main title, and for one track in three a narrower one."""
    main = str(rng.choice(GENRES[genre].fma_titles))
    if rng.uniform() < 1.0 / 3.0:
        return (main, str(rng.choice(GENRES[genre].fma_subtitles)))
    return (main,)


def _draw_partition(
    tracks: Sequence[Track], rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Return which artists are for testing: the most balanced of many draws."""
    names = [*CLASSES, *GENRES]
    n_artists = 1 + max(track.artist for track in tracks)
    counts = np.zeros((n_artists, len(names)))
    for track in tracks:
        for name in (*track.recording.classes, track.recording.genre):
            counts[track.artist, names.index(name)] += track.recording.n_clips
    best, least = np.zeros(n_artists, dtype=bool), np.inf
    for _ in range(_N_DRAWS):
        chosen = np.zeros(n_artists, dtype=bool)
        chosen[rng.permutation(n_artists)[: round(TEST_SHARE * n_artists)]] = True
        error = np.abs(counts[chosen].sum(axis=0) - TEST_SHARE * counts.sum(axis=0))
        if error.max() + 0.1 * error.mean() < least:
            best, least = chosen, error.max() + 0.1 * error.mean()
    return best


def _draw_labels(
    tracks: Sequence[KeyedTrack], rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return likelihoods and mask, shape (n_clips, 20), rows in the order of tracks.

    Present classes are all known. For each of the ten, as many clips of each genre
    are known to lack it as the genre has such clips.
    """
    clips = [track.recording for track in tracks for _ in track.keys]
    genres = np.array([clip.genre for clip in clips])
    present = np.array(
        [[name in clip.classes for name in OPENMIC_CLASSES] for clip in clips]
    )
    mask = present.copy()
    for column, name in enumerate(OPENMIC_CLASSES):
        if name not in CLASSES and name not in NEVER_PRESENT:
            continue
        share = ABSENT_SHARE if name in CLASSES else NEVER_PRESENT_SHARE
        absent = ~present[:, column]
        sizes = {genre: float(np.sum(absent & (genres == genre))) for genre in GENRES}
        for genre, count in apportion(round(share * len(clips)), sizes).items():
            rows = np.flatnonzero(absent & (genres == genre))
            mask[rng.choice(rows, size=count, replace=False), column] = True
    likelihood = np.where(
        present,
        rng.uniform(0.6, 1.0, size=present.shape),
        rng.uniform(0.0, 0.4, size=present.shape),
    )
    return np.where(mask, likelihood, 0.5), mask


def write(folder: Path, tracks: Sequence[KeyedTrack], rng: np.random.Generator) -> None:
    """Write every table of the corpus.

    Parameters
    ----------
    folder : Path
        Existing folder, which gets ``openmic-2018.npz``, the metadata and the label
        table as CSV, ``class-map.json`` and ``partitions/``.
    tracks : sequence of KeyedTrack
        All tracks.
    rng : Generator
        Draws labels, and the order of rows.
    """
    keys = np.array([key for track in tracks for key in track.keys], dtype=object)
    likelihood, mask = _draw_labels(tracks, rng)
    order = rng.permutation(len(keys))
    np.savez(
        folder / "openmic-2018.npz",
        Y_true=likelihood[order],
        Y_mask=mask[order],
        sample_key=keys[order],
    )
    _metadata(tracks).to_csv(folder / "openmic-2018-metadata.csv", index=False)
    _label_table(keys, likelihood, mask, rng).to_csv(
        folder / "openmic-2018-aggregated-labels.csv", index=False
    )
    columns = {name: column for column, name in enumerate(OPENMIC_CLASSES)}
    (folder / "class-map.json").write_text(json.dumps(columns))
    partitions = folder / "partitions"
    partitions.mkdir(exist_ok=True)
    for part, in_test in (("train", False), ("test", True)):
        partition_keys = sorted(
            k for track in tracks if track.in_test == in_test for k in track.keys
        )
        (partitions / f"split01_{part}.csv").write_text(
            "".join(f"{k}\n" for k in partition_keys)
        )


def _metadata(tracks: Sequence[KeyedTrack]) -> pd.DataFrame:
    """Return one row per clip, in the order of sample keys."""
    rows = []
    for number, track in enumerate(tracks, 1):
        titles = [
            {
                "genre_id": str(GENRE_IDS[title]),
                "genre_title": title,
                "genre_url": _GENRE_URL.format(title.replace(" ", "_")),
            }
            for title in track.titles
        ]
        for key in track.keys:
            rows.append(
                {
                    "sample_key": key,
                    "start_time": int(key[7:]) / 1000.0,
                    "track_id": track.track_id,
                    "artist_id": track.artist_id,
                    "track_title": f"Miniature no. {number}",
                    "track_genres": str(titles),
                }
            )
    return pd.DataFrame(rows).sort_values("sample_key")


def _label_table(
    keys: NDArray[np.object_],
    likelihood: NDArray[np.float64],
    mask: NDArray[np.bool_],
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Return one row per known label, as the annotators' answers were summed up."""
    rows, columns = np.nonzero(mask)
    table = pd.DataFrame(
        {
            "sample_key": keys[rows],
            "instrument": np.array(OPENMIC_CLASSES, dtype=object)[columns],
            "relevance": likelihood[rows, columns].round(5),
            "num_responses": rng.integers(3, 6, size=len(rows)),
        }
    )
    return table.sort_values(["sample_key", "instrument"])
