"""Read embeddings and features lazily, with their labels, whole or a selection."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from earshift import datasets, store
from earshift.errors import DataError, did_you_mean
from earshift.store.rows import Rows, find_rows

if TYPE_CHECKING:
    import xarray

#: Columns of a clip table that become coordinates.
COORDINATES = ("recording", "subgroup", "split")

#: What ``label`` says, as the CF conventions write it.
LABEL_MEANING = {"flag_values": [-1, 0, 1], "flag_meanings": "unknown absent present"}


def open_embeddings(
    store: str | Path,
    table: str | Path | pd.DataFrame | None = None,
    *,
    clip_id: str | Collection[str] | None = None,
    label: str | Collection[str] | None = None,
    recording: str | Collection[str] | None = None,
    subgroup: str | Collection[str] | None = None,
    split: str | Collection[str] | None = None,
    strength: float | str | None = None,
) -> xarray.Dataset:
    """Open a store of embeddings lazily: all frames, or those of some clips.

    Parameters
    ----------
    store : path-like
        A folder ``results/2_embeddings/<dataset>/<model>/<condition>.zarr``, or an
        address such as ``s3://bucket/path``.
    table : path-like or DataFrame, optional
        A table with more columns about the clips:
        ``results/1_clips/<dataset>.parquet``,
        ``results/4_splits/<dataset>.labels.parquet``, or any table with a column
        ``clip_id``. Clips that it does not list are left out.
    clip_id, recording, subgroup, split : str or collection of str, optional
        Keep the clips of these alone. All but the first need a `table`.
    label : str or collection of str, optional
        Keep the clips that are known to have one of these classes.
    strength : float or str, optional
        Strength of the condition; needed where the store has several of them.

    Returns
    -------
    xarray.Dataset
        ``embedding (frame, feature)``, float32 or float16 as stored, as Dask chunks of
        one shard each, in the order of the store. Coordinates ``clip_id (frame)``, the
        clip of each frame, and ``time_s (frame)``, the start of its window in seconds,
        or NaN if that is not known. With a table, its ``recording``, ``subgroup`` and
        ``split`` (frame), empty where there is none, and ``label (frame, class)``,
        int8: 1 present, 0 absent, -1 unknown. Attributes say what made the store, and
        ``strength`` which strength it is, if there are any.

    Raises
    ------
    DataError
        If there is no complete store at that path, or nothing is named as asked.

    Examples
    --------
    >>> from earshift import open_embeddings
    >>> path = "results/2_embeddings/mini_irmas/mfcc/clean.zarr"
    >>> frames = open_embeddings(path)  # doctest: +SKIP
    >>> frames.embedding.groupby("clip_id").mean()  # doctest: +SKIP
    """
    return _open(
        store,
        "embedding",
        table,
        strength,
        label=label,
        clip_id=clip_id,
        recording=recording,
        subgroup=subgroup,
        split=split,
    )


def open_features(
    store: str | Path,
    table: str | Path | pd.DataFrame | None = None,
    **where: str | Collection[str] | None,
) -> xarray.Dataset:
    """Open a store of features lazily: the pooled vectors of all clips, or of some.

    Parameters
    ----------
    store : path-like
        A folder ``results/3_features/<dataset>/<model>/<condition>.zarr``.
    table : path-like or DataFrame, optional
        As of `open_embeddings`.
    **where
        Selections by `clip_id`, `label`, `recording`, `subgroup`, `split`, as there.

    Returns
    -------
    xarray.Dataset
        As of `open_embeddings`, with a dimension ``clip_id`` in place of ``frame``, and
        no ``time_s``: ``embedding (clip_id, feature)``, float32. The ids are an index,
        so that ``.sel(clip_id=...)`` finds a clip.

    Raises
    ------
    DataError
        If there is no store of features at that path, or nothing is named as asked.

    Examples
    --------
    >>> from earshift import open_features
    >>> path = "results/3_features/mini_irmas/mfcc/clean.zarr"
    >>> clips = open_features(path)  # doctest: +SKIP
    >>> clips.embedding.values.shape  # doctest: +SKIP
    (160, 120)
    """
    return _open(store, "feature", table, None, **where)


def _open(
    location: store.Location,
    kind: str,
    table: str | Path | pd.DataFrame | None,
    strength: float | str | None,
    /,
    *,
    label: str | Collection[str] | None = None,
    **where: str | Collection[str] | None,
) -> xarray.Dataset:
    import xarray

    rows = find_rows(location, strength)
    if store.open_rows(location).basename != kind:
        other = {"feature": "open_embeddings", "embedding": "open_features"}[kind]
        raise DataError(f"'{location}' is no store of {kind}s: open it by {other}.")
    known = pd.DataFrame({"clip_id": pd.Series(rows.clip_ids, dtype=object)})
    if table is not None:
        rows, known = _listed(rows, _read_table(table))
    chosen = np.flatnonzero(_chosen(known, label, where, location))
    rows, known = rows.take(chosen), known.iloc[chosen]
    facts = store.attributes(location)
    facts |= {"strength": rows.strength} if rows.strength else {}
    dim = "frame" if kind == "embedding" else "clip_id"
    data: dict[str, Any] = {"embedding": ((dim, "feature"), rows.lazy())}
    coords: dict[str, Any] = {"clip_id": _words_of(rows, rows.clip_ids, dim)}
    if kind == "embedding":
        hop_s = np.nan if facts["hop_s"] is None else facts["hop_s"]
        coords["time_s"] = (dim, rows.within() * hop_s)
    for column in known.columns.intersection(COORDINATES):
        values = known[column].astype(object)
        values = values.where(values.notna(), "").to_numpy()
        coords[column] = _words_of(rows, values, dim)
    if classes := datasets.classes(known):
        labels = known[[datasets.LABEL + c for c in classes]].astype("Int8").fillna(-1)
        values = rows.per_row(labels.to_numpy(np.int8))
        data["label"] = ((dim, "class"), values, LABEL_MEANING)
        coords["class"] = classes
    return xarray.Dataset(data, coords, facts)


def _read_table(table: str | Path | pd.DataFrame) -> pd.DataFrame:
    if isinstance(table, pd.DataFrame):
        return table
    try:
        return pd.read_parquet(table)
    except FileNotFoundError:
        raise DataError(
            f"there is no table of clips at '{table}': 'make run EXPERIMENT=<its "
            "file>' makes those of an experiment, such as "
            "results/1_clips/<dataset>.parquet."
        ) from None


def _words_of(rows: Rows, values: NDArray[np.object_], dim: str) -> xarray.Variable:
    """Return words, one per clip, as a coordinate of the rows."""
    import xarray

    # Each clip's word is there once. Without `fastpath`, xarray looks at every row.
    return xarray.Variable((dim,), rows.per_row(values), fastpath=True)


def _listed(rows: Rows, table: pd.DataFrame) -> tuple[Rows, pd.DataFrame]:
    """Return the clips that a table lists, and their rows of the table."""
    if "clip_id" not in table.columns:
        raise DataError(
            "the table of clips has no column 'clip_id' (it has: "
            f"{', '.join(map(str, table.columns))})."
        )
    ids = pd.Index(table["clip_id"], dtype=object)
    if ids.has_duplicates:
        raise DataError(
            f"the table of clips lists '{ids[ids.duplicated()][0]}' more than once."
        )
    place = ids.get_indexer(rows.clip_ids)
    there = place >= 0
    return rows.take(np.flatnonzero(there)), table.iloc[place[there]]


def _chosen(
    known: pd.DataFrame,
    label: str | Collection[str] | None,
    where: Mapping[str, str | Collection[str] | None],
    location: store.Location,
) -> NDArray[np.bool_]:
    """Say which clips are asked for."""
    chosen = np.ones(len(known), bool)
    if label is not None:
        classes = datasets.classes(known)
        columns = []
        for name in _words(label):
            if name not in classes:
                raise DataError(
                    f"there is no label '{name}' {did_you_mean(name, classes)} Give "
                    "the clip table, which holds the labels, as 'table'."
                )
            columns.append(datasets.LABEL + name)
        chosen &= known[columns].eq(True).any(axis=1).to_numpy(bool)
    for column, given in where.items():
        if given is None:
            continue
        if column not in known.columns:
            raise DataError(
                f"clips cannot be chosen by '{column}' {did_you_mean(column, known)} "
                "Give the clip table, which has it, as 'table'."
            )
        wanted = _words(given)
        if missing := sorted(set(wanted) - set(known[column].dropna())):
            raise DataError(
                f"no clip of '{location}' has the {column} '{missing[0]}'. One that "
                f"is there: '{next(iter(known[column].dropna()), '-')}'."
            )
        chosen &= known[column].isin(wanted).to_numpy(bool)
    return chosen


def _words(given: str | Collection[str]) -> list[str]:
    return [given] if isinstance(given, str) else list(given)
