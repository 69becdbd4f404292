"""OpenMIC-2018: 10 s excerpts, 20 instruments, each clip labelled for a few of them.

Layout: ``openmic-2018.npz`` (likelihoods, mask, keys), ``openmic-2018-metadata.csv``,
``class-map.json``, ``partitions/split01_{train,test}.csv`` and
``audio/<first three characters>/<sample_key>.ogg``. In place of the partitions there
may be ``openmic2018_{train,test}.csv``, as the code of Wang, Richard and McFee (2023)
has them. Everything is joined by `sample_key`, never by the order of rows.
"""

from __future__ import annotations

import ast
import io
import logging
import pickle
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from earshift import text
from earshift.datasets import LABEL, PAPER_SUBGROUP, ClipList, _genres, need_folder
from earshift.datasets._files import audio_files, read_csv, sides, unlisted, unmatched
from earshift.errors import ConfigError, DataError, did_you_mean

log = logging.getLogger(__name__)

version = 3
recordings = "fma"
licence = "CC BY 4.0"
citation = (
    "Humphrey, Durand, McFee (2018). OpenMIC-2018: an open dataset for multiple "
    "instrument recognition. ISMIR."
)


def label_files(folder: Path, *, genres: str = "corrected", **_: str) -> list[Path]:
    """Return the files that hold labels, genres and partitions, and the genre maps."""
    maps = {_genres.location(name, "openmic") for name in (genres, "paper")}
    return [*_own_files(folder), *sorted(maps)]


def _own_files(folder: Path) -> list[Path]:
    return [
        folder / "openmic-2018.npz",
        folder / "openmic-2018-metadata.csv",
        folder / "class-map.json",
        *_partition_files(folder).values(),
    ]


def _partition_files(folder: Path) -> dict[str, Path]:
    """Return the file of each side: the official ones, or those of the study."""
    study = {s: folder / f"openmic2018_{s}.csv" for s in ("train", "test")}
    if (folder / "partitions").is_dir() or not study["train"].is_file():
        return {s: folder / "partitions" / f"split01_{s}.csv" for s in study}
    return study


def list_clips(
    folder: Path, *, genres: str = "corrected", genre_choice: str = "first"
) -> ClipList:
    """List the clips of an OpenMIC-2018 folder.

    Parameters
    ----------
    folder : Path
        The folder that holds ``openmic-2018.npz``.
    genres : str, default="corrected"
        Map of genre titles to subgroups: ``corrected``, ``paper`` (that of Wang,
        Richard and McFee, 2023), or the path of a YAML file of the same form.
    genre_choice : {"first", "majority", "drop_ambiguous"}
        What decides for a track with several genres; see `_genres.choose`.

    Returns
    -------
    ClipList
        Class: present where the likelihood is 0.5 or more, absent where it is less,
        unknown where the mask says so. Recording: the FMA track. Subgroup: the genre;
        `PAPER_SUBGROUP`: the genre by the map and the choice of the study, whatever the
        options say. Split: the official partition. Keys without metadata have no
        subgroup; they, keys of a partition without labels, and audio files without
        labels are counted.

    Raises
    ------
    DataError
        If a file is missing, or a key is in no partition, in both, or twice in one.
    ConfigError
        If there is no such map of genres or choice.
    """
    if genre_choice not in _genres.CHOICES:
        raise ConfigError(
            f"no genre_choice '{genre_choice}' "
            f"{did_you_mean(genre_choice, _genres.CHOICES)}"
        )
    need_folder(folder, "OpenMIC-2018")
    for file in _own_files(folder):
        if not file.is_file():
            raise DataError(
                f"OpenMIC-2018 needs '{file}', which is not there. Is '{folder}' the "
                "folder that the archive openmic-2018-v1.0.0.tgz unpacks to?"
            )
    keys, likelihood, known = _labels(folder / "openmic-2018.npz")
    index = _class_map(folder / "class-map.json", likelihood.shape[1])
    metadata = folder / "openmic-2018-metadata.csv"
    titles = _titles(metadata)
    split, skipped = _partition(folder, keys)
    noted = _out_of_place(metadata.name, list(titles), keys)
    noted |= {
        key: f"{metadata.name} has no row of it: it is in no subgroup"
        for key in keys
        if key not in titles
    }
    columns: dict[str, Any] = {
        "clip_id": keys,
        "path": [f"audio/{key[:3]}/{key}.ogg" for key in keys],
        "recording": [key.partition("_")[0] for key in keys],
        "subgroup": _subgroups(keys, titles, genres, genre_choice),
        PAPER_SUBGROUP: _subgroups(keys, titles, "paper", "first"),
        "split": split,
    }
    for name, i in index.items():
        present = pd.array(likelihood[:, i] >= 0.5, dtype="boolean")
        present[~known[:, i]] = pd.NA
        columns[LABEL + name] = present
    clips = pd.DataFrame(columns).sort_values("clip_id", ignore_index=True)
    audio = audio_files(folder, "audio/*/*", ".ogg")
    skipped |= unlisted(folder, audio, clips["path"], "openmic-2018.npz")
    return ClipList(clips, skipped, noted)


def _labels(
    file: Path,
) -> tuple[list[str], NDArray[np.float64], NDArray[np.bool_]]:
    """Return keys (n,), likelihoods (n, 20) and mask (n, 20)."""
    try:
        with zipfile.ZipFile(file) as archive, np.load(file) as arrays:
            needed = {"Y_true", "Y_mask", "sample_key"}
            if missing := needed - set(arrays.files):
                raise DataError(
                    f"'{file}' lacks {sorted(missing)}; it has {sorted(arrays.files)}."
                )
            likelihood, known = arrays["Y_true"], arrays["Y_mask"].astype(bool)
            keys = _strings(archive.read("sample_key.npy"))
    except (EOFError, zipfile.BadZipFile, zlib.error, pickle.UnpicklingError) as error:
        raise DataError(
            f"'{file}' cannot be read ({error}): it is damaged, or not whole. Unpack "
            "the archive of OpenMIC-2018 anew."
        ) from error
    if not len(keys) == len(likelihood) == len(known):
        raise DataError(
            f"'{file}': {len(keys)} keys, {len(likelihood)} likelihoods and "
            f"{len(known)} masks; each clip needs one of each."
        )
    return keys, likelihood, known


class _StringsOnly(pickle.Unpickler):
    """Unpickle an array of strings, and nothing that could run code."""

    def find_class(self, module: str, name: str) -> object:
        if module.startswith("numpy") and name in {"_reconstruct", "ndarray", "dtype"}:
            return super().find_class(module, name)
        raise DataError(f"sample_key holds '{module}.{name}', not only strings.")


def _strings(npy: bytes) -> list[str]:
    """Read an array of strings, which NumPy stores by pickling, safely."""
    stream = io.BytesIO(npy)
    version_ = np.lib.format.read_magic(stream)
    read_header = (
        np.lib.format.read_array_header_1_0
        if version_ == (1, 0)
        else np.lib.format.read_array_header_2_0
    )
    dtype = read_header(stream)[2]
    if dtype.hasobject:
        values = _StringsOnly(stream, encoding="latin1").load()
    else:
        values = np.load(io.BytesIO(npy))
    return [str(value) for value in values]


def _class_map(file: Path, n_classes: int) -> dict[str, int]:
    """Return the column of each class."""
    index = text.from_json(file)
    if not isinstance(index, dict) or not all(
        isinstance(i, int) and 0 <= i < n_classes for i in index.values()
    ):
        raise DataError(
            f"'{file}' must map each class to a column of openmic-2018.npz, a number "
            f"from 0 to {n_classes - 1}. Is it the official file?"
        )
    return index


def _titles(file: Path) -> dict[str, list[str]]:
    """Return the genre titles of each sample key, the main one first."""
    table = read_csv(file, ("sample_key", "track_genres"))
    titles = {}
    for key, genres in zip(table["sample_key"], table["track_genres"], strict=True):
        try:
            titles[key] = [g["genre_title"] for g in ast.literal_eval(genres or "[]")]
        except (ValueError, SyntaxError, TypeError, KeyError) as error:
            raise DataError(
                f"'{file}': track_genres of '{key}' is no list of genres with a "
                f"genre_title each ({error})."
            ) from error
    return titles


def _out_of_place(
    name: str, listed: Sequence[str], keys: Sequence[str]
) -> dict[str, str]:
    """Note the first clip whose row of the metadata is not at the place of its key."""
    for wanted, actual in zip_longest(sorted(keys), listed):
        if wanted != actual:
            key = str(wanted or actual)
            log.warning(
                "%s: rows are not those of all sorted keys, from '%s' on. They are "
                "joined by key here; the published code of the ISMIR 2023 study takes "
                "them by place, and would give clips the genres of others",
                *(name, key),
            )
            return {key: f"{name} is not sorted by key from here on"}
    return {}


def _subgroups(
    keys: Sequence[str], titles: Mapping[str, Sequence[str]], name: str, choice: str
) -> list[str | None]:
    """Return the subgroup of each key by one map of genres."""
    genre_map = _genres.read(_genres.location(name, "openmic"))
    return [_genres.choose(titles.get(key, []), genre_map, choice) for key in keys]


def _partition(folder: Path, keys: list[str]) -> tuple[list[str], dict[str, str]]:
    """Return the side of each key, and listed keys without labels."""
    files = _partition_files(folder)
    side_of, repeated = sides(files, "OpenMIC-2018", ".ogg")
    official = files["train"].parent != folder
    if official and repeated:  # the study's own lists have a line per frame
        key = min(repeated)
        raise DataError(
            f"'{key}' is in {side_of[key]} twice, in the partition of OpenMIC-2018."
        )
    skipped = dict.fromkeys(
        unmatched(side_of, files, set(keys)), "openmic-2018.npz has no labels for it"
    )
    for key in keys:
        if key not in side_of:
            both = " nor in ".join(f"'{file}'" for file in files.values())
            raise DataError(
                f"'{key}' is in no partition of OpenMIC-2018: neither in {both}."
            )
    return [side_of[key] for key in keys], skipped
