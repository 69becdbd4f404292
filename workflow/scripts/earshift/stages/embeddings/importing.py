"""Stage 2, embeddings: bring in those that were made elsewhere."""

from __future__ import annotations

import logging
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import reduce
from itertools import chain, combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from earshift import files, jobs, names, provenance, store, text
from earshift.errors import DataError
from earshift.numerics.pooling import pooled
from earshift.stages.clips import listing
from earshift.stages.embeddings import indexing, owners, region_files
from earshift.stages.embeddings.vector_files import Vectors, open_vectors

log = logging.getLogger(__name__)


def import_embeddings(
    model: str,
    file: Path,
    *,
    datasets: Sequence[str],
    name: str,
    table: Path,
    versions: Mapping[str, int],
    location: store.Location,
    dtype: str,
    pooling: Sequence[str],
    max_bad_clips: float,
    plan: Path,
    index: Path,
    columns: Sequence[str] = (),
) -> None:
    """Make a store of embeddings from a file of clips and vectors.

    Parameters
    ----------
    model : str
        Name of the model in the experiment.
    file : Path
        What `vectors.open_vectors` reads.
    datasets : sequence of str
        Name of the dataset in the experiment, and others that the file may have for it.
    name : str
        What the file calls the embedding, if it holds several.
    table : Path
        Clip table of the dataset.
    versions : mapping
        Versions of the stage and of the plugin.
    location : Path or str
        Where the store goes; one that is there is replaced.
    dtype : {"float32", "float16"}
        Type that frames are stored in.
    pooling : sequence of str
        If given, no frames are stored, but these statistics over the rows of a clip.
    max_bad_clips : float
        Clips of the table that may have no vector, or one that is not finite or of
        zeros alone: a share below 1, a number from 1 on.
    plan, index : Path
        Files to write, as `regions.plan_regions` and `indexing.index_embeddings` do; an
        imported store has no regions.
    columns : sequence of str, default=()
        Which columns of a table are features, as of `vectors.open_vectors`.

    Raises
    ------
    DataError
        If the file cannot be read (see `vectors.open_vectors`), has no vector of any
        clip of the table, or of too few, or another plan made the store.
    """
    vectors = open_vectors(file, datasets, name, columns)
    wanted = listing.usable(table)["clip_id"]
    place = pd.Index(wanted).get_indexer(pd.Index(vectors.clip_ids, dtype=object))
    _check_keys(file, datasets[0], vectors, place, wanted)
    place[vectors.n == 0] = -1
    for ending in region_files.FOLDERS:  # of a model that was computed
        shutil.rmtree(region_files.beside(plan, ending), ignore_errors=True)
    label = f"{file}, {datasets[0]}, {name}"
    n = np.where(place < 0, 0, vectors.n.clip(max=1) if pooling else vectors.n)
    last = np.cumsum(n)
    facts = _facts(model, file, columns, versions, dtype, pooling)
    same = store.attributes(location).get("imported") == facts["imported"]
    token = owners.claim(plan, location, known=same)
    facts[owners.OWNER] = owners.owner_of(plan, token)
    _create(location, vectors.n_features, int(last[-1]), facts)
    log.info("%s: %d rows of %d clips", label, last[-1], np.count_nonzero(n))
    bad = _fill(location, vectors, place, last - n, facts, label)
    rows = _index(wanted, place, last - n, n, bad)
    left_out = rows[rows["status"] != "ok"]
    if listing.too_many(len(left_out), len(rows), max_bad_clips):
        raise DataError(
            f"{label}: {len(left_out)} of {len(rows)} clips have no vector, or a bad "
            f"one, more than max_bad_clips = {max_bad_clips} allows. The first, "
            f"'{left_out['clip_id'].iloc[0]}': {left_out['reason'].iloc[0]}."
        )
    for run in sorted(bad):
        store.clear_rows(location, int(last[run] - n[run]), int(last[run]))
    indexing.write_index(rows, location, token, index)
    region_files.write(plan, facts["key"], token, location, {})


def _check_keys(
    file: Path,
    dataset: str,
    vectors: Vectors,
    place: NDArray[np.int64],
    wanted: pd.Series[str],
) -> None:
    """Count the clips that the table does not list; refuse a file of no other."""
    unknown = [vectors.clip_ids[i] for i in np.flatnonzero(place < 0)]
    if len(unknown) == len(place):
        raise DataError(
            f"'{file}' has no vector of any clip of the dataset '{dataset}': its first "
            f"clip is called '{unknown[0]}', that of the dataset '{wanted.iloc[0]}'."
            f"{_difference(unknown, wanted.tolist())}"
        )
    if unknown:
        log.warning(
            "%s: vectors of %d clips that the dataset '%s' does not have are left out, "
            "such as '%s'",
            *(file, len(unknown), dataset, unknown[0]),
        )


#: How names of a clip may differ -> what makes them alike.
_DIFFERENCES: Mapping[str, Callable[[str], str]] = {
    "the ending": lambda name: re.sub(
        r"(?<=[^/\\])\.[A-Za-z][A-Za-z0-9]{1,4}$", "", name
    ),
    "the folder": lambda name: re.split(r"[/\\]", name)[-1],
    "upper and lower case, or the form of letters": names.fold,
    "leading zeros, or '.0' at the end": lambda name: re.sub(
        "^0+(?=[0-9])", "", text.whole(name)
    ),
}


def _difference(unknown: Sequence[str], wanted: Sequence[str]) -> str:
    """Return a sentence on how names of clips differ, if they are alike else."""
    counts = range(1, len(_DIFFERENCES) + 1)
    for kinds in chain.from_iterable(combinations(_DIFFERENCES, n) for n in counts):

        def alike(name: str, kinds: Sequence[str] = kinds) -> str:
            return reduce(lambda word, kind: _DIFFERENCES[kind](word), kinds, name)

        known = {alike(name): name for name in wanted}
        for name in unknown:
            if (other := known.get(alike(name))) is not None:
                return (
                    f" They differ in {' and in '.join(kinds)}: '{name}' in the file "
                    f"is '{other}' in the dataset. Write the file with the names of "
                    "the dataset, as text."
                )
    return ""


def _facts(
    model: str,
    file: Path,
    columns: Sequence[str],
    versions: Mapping[str, int],
    dtype: str,
    pooling: Sequence[str],
) -> dict[str, Any]:
    """Return the attributes of a store, as those of a model that was computed."""
    source = {"file": str(file), "sha256": files.file_hash(file)}
    facts = {
        "model": model,
        "plugin": "imported",
        "versions": dict(versions),
        "imported": source | ({"columns": list(columns)} if columns else {}),
        "hop_s": None,
        "units": "as imported",
        "dtype": dtype,
        "pooling": list(pooling),
    }
    return facts | {
        "key": files.content_key(facts),
        "provenance": provenance.provenance(),
    }


def _create(
    location: store.Location, n_features: int, n_rows: int, facts: Mapping[str, Any]
) -> None:
    """Make a store with room for all rows."""
    n_features *= max(1, len(facts["pooling"]))
    chunk, shard = store.shard_frames(n_rows, n_features, facts["dtype"])
    store.create_embeddings(
        location,
        n_features=n_features,
        chunk=chunk,
        shard=shard,
        dtype=facts["dtype"],
        attributes=facts,
    )
    store.grow(location, n_rows)


def _fill(
    location: store.Location,
    vectors: Vectors,
    place: NDArray[np.int64],
    first: NDArray[np.int64],
    facts: Mapping[str, Any],
    label: str,
) -> dict[int, str]:
    """Write the rows of the runs that have a place; say which are bad, and why."""
    bad: dict[int, str] = {}
    progress = jobs.Progress(label, int(vectors.n.sum()), "rows")
    parts = _parts(vectors, place, facts["dtype"], bad, progress)
    if facts["pooling"]:
        pooled_runs = pooled(parts, vectors.n, facts["pooling"])
        parts = ((run, vector[None]) for run, vector in pooled_runs)
    at = first.copy()
    with store.RegionWriter(location, (0, store.n_rows_of(location))) as writer:
        for run, values in parts:
            writer.put(at[run] + np.arange(len(values)), values)
            at[run] += len(values)
    return bad


def _parts(
    vectors: Vectors,
    place: NDArray[np.int64],
    dtype: str,
    bad: dict[int, str],
    progress: jobs.Progress,
) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Yield the runs that have a place, in parts; note those with bad rows."""
    stops = np.cumsum(vectors.n)
    start = 0
    first: NDArray[np.float32] | None = None
    all_equal, filled = True, np.zeros(len(stops), bool)
    for block in vectors.blocks():
        stop = start + len(block)
        with np.errstate(over="ignore"):
            stored = block.astype(dtype)
        fits = np.isfinite(stored)
        good, has_values = fits.all(axis=1), np.asarray(stored.any(axis=1))
        first = block[0] if first is None else first
        all_equal = all_equal and bool((block == first).all())
        runs = np.searchsorted(stops, [start, stop - 1], side="right")
        for run in range(runs[0], runs[1] + 1):
            a = max(int(stops[run] - vectors.n[run]), start) - start
            b = min(int(stops[run]), stop) - start
            if place[run] < 0 or a == b:
                continue
            if not good[a:b].all() and run not in bad:
                row = a + int(np.flatnonzero(~good[a:b])[0])
                bad[run] = _why_bad(vectors, start + row, block[row], fits[row])
            # A frame of zeros may be silence; a clip of them was never written.
            filled[run] |= has_values[a:b].any()
            if stops[run] == start + b and not filled[run] and run not in bad:
                row = int(stops[run] - vectors.n[run])
                bad[run] = f"zeros: all values are 0 (from row {row}, counted from 0)"
            yield run, np.where(good[a:b, None], block[a:b], 0)  # cleared afterwards
        start = stop
        progress.step(len(block))
    if all_equal and start > 1:
        log.warning("%s: all of its %d vectors are equal", progress.what, start)


def _why_bad(
    vectors: Vectors, row: int, values: NDArray[np.float32], fits: NDArray[np.bool_]
) -> str:
    feature = int(np.flatnonzero(~fits)[0])
    value = float(values[feature])
    large = " is too large for its type" if np.isfinite(value) else ""
    what = f"{value:g} in {vectors.name_of(feature)}{large}"
    return f"not_finite: {what} (row {row}, counted from 0)"


def _index(
    wanted: pd.Series[str],
    place: NDArray[np.int64],
    first: NDArray[np.int64],
    n: NDArray[np.int64],
    bad: Mapping[int, str],
) -> pd.DataFrame:
    """Return what became of each clip of the table, in its order."""
    rows = pd.DataFrame({"clip_id": wanted, "region": "", "first_frame": 0})
    rows = rows.assign(
        n_frames=0, status="no_frames", reason="missing: no vector of it"
    )
    there = place >= 0
    at = place[there]
    rows.loc[at, "first_frame"], rows.loc[at, "n_frames"] = first[there], n[there]
    rows.loc[at, "status"], rows.loc[at, "reason"] = "ok", ""
    failed = place[list(bad)]
    rows.loc[failed, "status"] = "skipped"
    rows.loc[failed, "reason"] = list(bad.values())
    return rows
