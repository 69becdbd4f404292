"""The features of a finished experiment as arrays, for scikit-learn and the like."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from earshift import datasets, layout, store
from earshift.errors import DataError, did_you_mean
from earshift.stages.splits.classes import read_classes


@dataclass(frozen=True)
class Features:
    """Features and labels of all datasets of an experiment, one row per clip.

    Iteration yields the first four: ``X, y, domain, recording = features``.

    Parameters
    ----------
    X : ndarray of shape (n_clips, n_features), float32
        Pooled embeddings, in embedding units.
    y : ndarray of shape (n_clips, n_classes), float64
        1 where a class is present, 0 where it is absent, NaN where it is not known.
    domain : ndarray of shape (n_clips,), str
        Dataset of each clip.
    recording : ndarray of shape (n_clips,), str
        What folds keep together: its recording, with the dataset or the namespace
        before it, or the first of the recordings that hold copies of each other's
        clips. Equal names of two datasets are one recording: group by this alone.
    classes : list of str
        Names of the columns of `y`.
    clip_id : ndarray of shape (n_clips,), str
        Its id in its dataset.
    """

    X: NDArray[np.float32]
    y: NDArray[np.float64]
    domain: NDArray[np.str_]
    recording: NDArray[np.str_]
    classes: list[str]
    clip_id: NDArray[np.str_]

    def __iter__(self) -> Iterator[NDArray[np.generic]]:
        """Yield `X`, `y`, `domain` and `recording`."""
        yield from (self.X, self.y, self.domain, self.recording)


def load_features(
    results: str | Path,
    model: str,
    *,
    condition: str = "clean",
    protocol: str | None = None,
    classes: str | Collection[str] | None = None,
) -> Features:
    """Load the features of one model for all datasets of an experiment.

    Parameters
    ----------
    results : path-like
        Folder of the results, such as ``results``.
    model : str
        Name of the model in the experiment.
    condition : str, default="clean"
        Name of the condition.
    protocol : str, optional
        Whose clips and labels: ``"fixed"``, or a protocol of a study; by default
        ``"fixed"``, or another one where that was not run.
    classes : str or collection of str, optional
        Columns of `y`; by default the classes that the experiment uses.

    Returns
    -------
    Features
        Clips that the protocol uses and that have features, dataset after dataset.

    Raises
    ------
    DataError
        If there are no such results, or nothing is called so there.

    Examples
    --------
    >>> from earshift import load_features
    >>> X, y, domain, recording = load_features("results", "mfcc")  # doctest: +SKIP
    """
    results = Path(results)
    labels = _labels_of(results, protocol)
    paths = _features_of(results, model, condition, list(labels))
    chosen = _choose_classes(results, labels, classes)
    parts = [_load(name, paths[name], labels[name], chosen) for name in labels]
    widths = {part.X.shape[1] for part in parts}
    if len(widths) > 1:
        raise DataError(f"'{model}' has vectors of several lengths: {sorted(widths)}.")
    return Features(
        np.concatenate([part.X for part in parts]),
        np.concatenate([part.y for part in parts]),
        np.concatenate([part.domain for part in parts]),
        np.concatenate([part.recording for part in parts]),
        chosen,
        np.concatenate([part.clip_id for part in parts]),
    )


def _labels_of(results: Path, protocol: str | None) -> dict[str, pd.DataFrame]:
    """Return the clips and labels of each dataset, as a protocol uses them."""
    files = layout.find(results, layout.LABELS)
    known = sorted({key["protocol"] for key, _ in files})
    if not known:
        raise DataError(
            f"there are no results of an experiment in '{results}': run it first, by "
            "'make run EXPERIMENT=<its file>'."
        )
    wanted = protocol or ("fixed" if "fixed" in known else known[0])
    if wanted not in known:
        raise DataError(
            f"'{results}' has no protocol '{wanted}' {did_you_mean(wanted, known)}"
        )
    return {
        key["dataset"]: pd.read_parquet(file)
        for key, file in files
        if key["protocol"] == wanted
    }


def _features_of(
    results: Path, model: str, condition: str, names: list[str]
) -> dict[str, Path]:
    """Return where the features of each dataset are."""
    key = {"model": model, "condition": condition}
    paths = {n: layout.path(results, layout.FEATURES, dataset=n, **key) for n in names}
    for path in paths.values():
        if not path.is_dir():
            known = {
                f"{place['model']}, {place['condition']}"
                for place, _ in layout.find(results, layout.FEATURES)
            }
            raise DataError(
                f"there are no features at '{path}' "
                f"{did_you_mean(f'{model}, {condition}', known)} If the experiment has "
                "this model and condition, 'make run EXPERIMENT=<its file>' makes them."
            )
    return paths


def _choose_classes(
    results: Path,
    labels: dict[str, pd.DataFrame],
    classes: str | Collection[str] | None,
) -> list[str]:
    if classes is None:
        return read_classes(layout.path(results, layout.CLASSES))
    chosen = [classes] if isinstance(classes, str) else list(classes)
    known = {c for table in labels.values() for c in datasets.classes(table)}
    if missing := [name for name in chosen if name not in known]:
        raise DataError(
            f"'{results}' has no class '{missing[0]}' {did_you_mean(missing[0], known)}"
        )
    return chosen


def _load(name: str, path: Path, table: pd.DataFrame, classes: list[str]) -> Features:
    """Return the features and labels of one dataset."""
    X, ids = store.read_features(path)
    place = pd.Index(table["clip_id"], dtype=object).get_indexer(pd.Index(ids))
    kept = np.flatnonzero(place >= 0)
    rows = table.iloc[place[kept]]
    wanted = [datasets.LABEL + c for c in classes]
    # A class that a dataset has no labels for is unknown in all of its clips.
    y = (
        rows.reindex(columns=wanted)
        .astype("Float64")
        .to_numpy(np.float64, na_value=np.nan)
    )
    recording = rows["recording"].to_numpy(str)
    clip_id = rows["clip_id"].to_numpy(str)
    return Features(X[kept], y, np.full(len(kept), name), recording, classes, clip_id)
