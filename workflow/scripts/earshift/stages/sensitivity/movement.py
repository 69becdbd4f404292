"""Stage 6, sensitivity: measures of how the embeddings of a dataset's clips move."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from earshift import files, registry, store
from earshift.discrepancy import measure
from earshift.errors import DataError
from earshift.evaluation.displacement import Movement, Value, in_order
from earshift.names import text_of
from earshift.numerics import inference
from earshift.numerics.grouped_folds import hashed
from earshift.stages.sensitivity import CLEAN
from earshift.tables import SENSITIVITY

log = logging.getLogger(__name__)

Array = NDArray[np.float64]

#: Clips that are compared pair by pair, at most, of as many recordings as there are.
MAX_CLIPS = 2_000

#: Clips of which measures between distributions are taken, at most, and their draws.
MAX_MEASURED, N_DRAWS = 500, 99


def measure_sensitivity(
    *,
    dataset: str,
    model: str,
    family: str,
    features: Mapping[str, str],
    strengths: Mapping[str, float | str],
    labels: Path,
    measures: Sequence[str],
    n_resamples: int,
    confidence: float,
    seed: int,
    out: Path,
) -> None:
    """Measure how the clips of a dataset move in each strength of a family.

    Parameters
    ----------
    dataset, model, family : str
        Which clips; written into the table.
    features : mapping of str to str
        Condition -> its features; the first is ``clean``.
    strengths : mapping of str to (float or str)
        Condition -> its strength, of all but the first.
    labels : Path
        Parquet file of the dataset's labels, for the recordings of the clips.
    measures : sequence of str
        Names of discrepancy measures, between the clips before and after.
    n_resamples, confidence, seed
        As in `summary.summarise` of the stage of statistics.
    out : Path
        Parquet file to write, with the columns of `tables.SENSITIVITY`.

    Raises
    ------
    DataError
        If no clip has features in all of the conditions, or there are too few
        recordings.
    """
    X, recordings = _in_common(features, labels, dataset)
    clean = X.pop(CLEAN)
    alpha = 1 - confidence
    moves = Movement(clean, recordings, n_resamples=n_resamples, alpha=alpha, seed=seed)
    rows: list[dict[str, Any]] = []
    for name, changed in X.items():
        found = moves.measures(changed)
        found |= _apart(moves, changed, recordings, measures, seed)
        strength = {"condition": name, "strength": text_of(strengths[name])}
        rows += [strength | {"measure": k} | asdict(v) for k, v in found.items()]
        log.info("%s / %s: %s is measured", dataset, model, name)
    order = [X[name] for name in in_order(strengths)]
    whole = {"condition": "", "strength": "", "measure": "monotonicity"}
    rows.append(whole | asdict(moves.monotonicity(order)))
    table = pd.DataFrame(rows)
    sizes = {"n_clips": len(clean), "n_recordings": moves.n_recordings}
    named = {"model": model, "dataset": dataset, "family": family}
    with files.whole_file(out) as file:
        table.assign(**named, **sizes)[SENSITIVITY.names].to_parquet(file, index=False)


def _in_common(
    features: Mapping[str, str], labels: Path, dataset: str
) -> tuple[dict[str, Array], NDArray[np.str_]]:
    """Return the features of the clips that all conditions have, and recordings."""
    read = {name: store.read_features(Path(path)) for name, path in features.items()}
    rows = pd.read_parquet(labels, columns=["clip_id", "recording"])
    shared = set.intersection(*({*ids} for _, ids in read.values()))
    rows = rows[rows["clip_id"].isin(shared)]
    if rows.empty:
        raise DataError(
            f"dataset '{dataset}': no clip has features in all of {len(features)} "
            f"conditions ({', '.join(features)}). Take out strengths that most clips "
            "cannot have."
        )
    lost = {name: len(ids) - len(rows) for name, (_, ids) in read.items()}
    if any(lost.values()):
        log.warning(
            "dataset '%s': %d clips are compared, which all conditions have; others: "
            "%s",
            *(dataset, len(rows)),
            ", ".join(f"{n} of '{name}'" for name, n in lost.items() if n),
        )
    kept = _drawn(rows["recording"].to_numpy(str), MAX_CLIPS)
    if not kept.all():
        log.info("%s: %d of %d clips are compared", dataset, kept.sum(), len(kept))
    rows = rows[kept]
    X = {
        name: found[pd.Index(ids).get_indexer(rows["clip_id"])].astype(np.float64)
        for name, (found, ids) in read.items()
    }
    return X, rows["recording"].to_numpy(str)


def _within(end: float, bounds: tuple[float | None, float | None]) -> float:
    """Return the end of an interval, or the bound of a measure that it is beyond."""
    low, high = (np.nan if bound is None else bound for bound in bounds)
    return float(np.fmin(np.fmax(end, low), high))


def _drawn(recordings: NDArray[np.str_], n: int) -> NDArray[np.bool_]:
    """Draw `n` clips at most: one of each recording, then a second, and so on."""
    names, member = np.unique(recordings, return_inverse=True)
    number = pd.Series(member).groupby(member).cumcount().to_numpy()
    order = np.lexsort((hashed(names, b"sensitivity")[member], number))
    kept = np.zeros(len(member), bool)
    kept[order[:n]] = True
    return kept


def _apart(
    moves: Movement,
    changed: Array,
    recordings: NDArray[np.str_],
    measures: Sequence[str],
    seed: int,
) -> dict[str, Value]:
    """Return measures between the distributions of clips before and after.

    The reference is the mean over clips that are assigned to the two at random.
    """
    kept = _drawn(recordings, MAX_MEASURED)
    after = moves.scaled(changed)[kept]
    out = {}
    for name in measures:
        found = measure(
            *(name, moves.clean[kept], after, recordings[kept], recordings[kept]),
            n_permutations=N_DRAWS,
            random_state=seed,
        )
        reference = float("nan") if found.null is None else float(found.null.mean())
        bounds = registry.load("discrepancy", name).range
        ends = inference.interval(found.resampled, 1 - moves.alpha)
        low, high = (_within(end, bounds) for end in ends)
        out[name] = Value(found.value, low, high, reference, found.p_value)
    return out
