"""The scorecard of corrections, of plain arrays: no audio, no workflow."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from earshift import datasets, registry, store
from earshift.errors import DataError
from earshift.evaluation import protocol
from earshift.numerics.labels import label_matrix
from earshift.stages.discrepancy.measuring import measure_discrepancy
from earshift.stages.scores import cross_validation
from earshift.stages.splits import splitting
from earshift.stages.splits.classes import choose_classes
from earshift.stages.statistics import discrepancy_summary, summary
from earshift.stages.statistics import scorecard as cards
from earshift.tables import DISCREPANCY, SCORECARD

#: What the rows of all tables are of.
_MODEL, _CONDITION = "features", "clean"

#: Folds of the choice of C.
_INNER_FOLDS = 3

_MEASURE = {"domain_auc_linear": {"plugin": "domain_auc_linear"}}


@dataclass(frozen=True)
class Scorecard:
    """What corrections gain between datasets, what they cost, and what they ask for.

    Parameters
    ----------
    table : DataFrame
        A row for each method and direction between two datasets; columns as in
        ``tables/scorecard.csv``, see ``docs/tables.md``.
    summary, gaps, class_values, differences : DataFrame
        As in the tables of these names, with all metrics.
    discrepancy : DataFrame
        The linear domain AUC before and after each method.
    """

    table: pd.DataFrame
    summary: pd.DataFrame
    gaps: pd.DataFrame
    class_values: pd.DataFrame
    differences: pd.DataFrame
    discrepancy: pd.DataFrame

    def __str__(self) -> str:
        """Return the main columns as text, with intervals."""
        shown = {
            "method": self.table["method"],
            "direction": self.table["train"] + " -> " + self.table["test"],
        }
        for metric, label in (
            ("roc_auc", "ROC-AUC"),
            ("balanced_accuracy", "bal. acc."),
        ):
            shown[label] = self._column(metric)
            shown[f"change of {label}"] = self._column(f"{metric}_change", "{:+.3f}")
            shown["verdict" if metric == "roc_auc" else "verdict "] = self.table[
                f"{metric}_verdict"
            ]
        return str(pd.DataFrame(shown).to_string(index=False))

    def _column(self, name: str, form: str = "{:.3f}") -> list[str]:
        """Return values of a column with the ends of their intervals."""
        triples = self.table[[name, f"{name}_low", f"{name}_high"]].to_numpy(float)
        return [
            ""
            if np.isnan(value)
            else f"{form} [{form}, {form}]".format(value, low, high)
            for value, low, high in triples
        ]


def scorecard(
    X: ArrayLike,
    y: ArrayLike,
    domain: ArrayLike,
    recordings: ArrayLike | None = None,
    *,
    methods: Sequence[str] | Mapping[str, Mapping[str, Any]] = (
        "none",
        "standardise",
        "adapt",
    ),
    classes: Sequence[str] | None = None,
    C: Sequence[float] = (1e-4, 1e-3, 1e-2, 0.1, 1.0, 10.0),
    n_folds: int = 5,
    n_repeats: int = 5,
    n_refits: int = 20,
    n_resamples: int = 1000,
    confidence: float = 0.95,
    rope: float = 0.01,
    random_state: int = 0,
) -> Scorecard:
    """Cross-validate corrections between datasets, as the workflow does.

    Logistic regressions, one for each class, are trained on each dataset and tested on
    all, in folds of whole recordings.

    Parameters
    ----------
    X : array-like of shape (n_clips, n_features)
        Features, such as pooled embeddings.
    y : array-like of shape (n_clips,) or (n_clips, n_classes)
        The class of each clip; or for each class 1 where it is present, 0 where it is
        absent, and -1 or NaN where that is unknown.
    domain : array-like of shape (n_clips,)
        The dataset of each clip.
    recordings : array-like of shape (n_clips,), optional
        The recording of each clip: those of one recording are tested together, in
        whichever dataset they are. Without, each clip is a recording.
    methods : sequence of str, or mapping
        Methods by name, or name -> options, with ``plugin`` where that is another name.
        ``none`` is always among them.
    classes : sequence of str, optional
        Names of the columns of `y`.
    C : sequence of float
        Inverse strengths of the penalty, of which inner folds of the source choose.
    n_folds, n_repeats : int
        Folds, and how often they are drawn.
    n_refits : int
        How often classifiers are fitted to training recordings that were drawn anew, so
        that intervals hold for others: 0, or at least 4, as each draw is looked at in
        two repeats.
    n_resamples : int
        Draws of the test recordings.
    confidence : float
        Level of all intervals.
    rope : float
        Changes of ROC-AUC below this do not matter.
    random_state : int
        Of all draws.

    Returns
    -------
    Scorecard
        Print it, or take its tables.

    Raises
    ------
    DataError
        If the arrays do not fit together, a feature is not finite, there are fewer than
        two datasets, or no class that can be compared.

    Examples
    --------
    >>> import numpy as np, earshift
    >>> rng = np.random.default_rng(0)
    >>> y = np.tile(["cello", "flute"], 80)
    >>> domain = np.repeat(["ours", "theirs"], 80)
    >>> X = rng.standard_normal((160, 4))
    >>> X[:, 0] += 3 * (y == "cello")
    >>> X[domain == "theirs"] *= [1, 20, 20, 20]  # another gain in some features
    >>> card = earshift.scorecard(
    ...     X, y, domain, methods=["none", "standardise"], C=[0.1], n_folds=3,
    ...     n_repeats=2, n_refits=0, n_resamples=199,
    ... )
    >>> own = card.table.query("method == 'standardise' and train == 'ours'")
    >>> own[["test", "roc_auc_verdict"]].values.tolist()
    [['theirs', 'worth it']]
    """
    protocol.check_refits(n_refits)
    tables = _tables_of(X, y, domain, recordings, classes)
    entries = _entries_of(methods)
    grid = {"C": sorted(map(float, C)), "n_inner_folds": _INNER_FOLDS}
    sure = {"n_resamples": n_resamples, "confidence": confidence, "seed": random_state}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        stored = [_write(folder, d, *of) for d, of in tables.items()]
        splitting.make_splits(
            {entry["name"]: Path(entry["labels"]) for entry in stored},
            {entry["name"]: Path(entry["splits"]) for entry in stored},
            kind="grouped",
            n_folds=n_folds,
            n_repeats=n_repeats,
            seed=random_state,
            grouped=folder / "groups.parquet",
            shared=folder / "shared.csv",
        )
        chosen = folder / "classes.csv"
        choose_classes(stored, [], chosen, n_inner_folds=_INNER_FOLDS)
        common = {
            "model": _MODEL,
            "condition": _CONDITION,
            "entries": stored,
            "classes": chosen,
            "methods": entries,
            "seed": random_state,
        }
        _score(folder, common, grid, n_refits, sure | {"rope": rope}, entries)
        _measure(folder, common, sure, entries)
        return _card(folder, rope)


def _score(
    folder: Path,
    common: Mapping[str, Any],
    grid: Mapping[str, Any],
    n_refits: int,
    sure: Mapping[str, Any],
    methods: Mapping[str, Mapping[str, Any]],
) -> None:
    """Write the tables of scores."""
    cross_validation.cross_validate(
        **common,
        scopes=["global"],
        classifier={"plugin": "logistic", **grid},
        n_refits=n_refits,
        n_workers=0,
        parts=folder / "score_parts",
        clip_scores=folder / "clips.parquet",
        scores=folder / "scores.csv",
        directions=folder / "directions.parquet",
    )
    out = {name: folder / f"{name}.csv" for name in summary.TABLES}
    summary.summarise([folder / "clips.parquet"], methods, **sure, out=out)


def _measure(
    folder: Path,
    common: Mapping[str, Any],
    sure: Mapping[str, Any],
    methods: Mapping[str, Mapping[str, Any]],
) -> None:
    """Write the tables of how well datasets are told apart."""
    measured, sizes = folder / "measured.parquet", folder / "sizes.parquet"
    measure_discrepancy(
        **common,
        measures=_MEASURE,
        parts=folder / "parts",
        out=measured,
        size_parts=folder / "size_parts",
        sizes=sizes,
    )
    discrepancy_summary.summarise_discrepancy(
        [measured],
        [sizes],
        methods,
        _MEASURE,
        **sure,
        out=folder / "discrepancy.csv",
        curve=folder / "curve.csv",
        null=folder / "null.csv",
    )


def _card(folder: Path, rope: float) -> Scorecard:
    """Read the tables, and make the scorecard of them."""
    files = {name: folder / f"{name}.csv" for name in summary.TABLES}
    measured, out = folder / "discrepancy.csv", folder / "scorecard.csv"
    cards.write_scorecard(files, measured, rope=rope, out=out)
    shown = ("summary", "gaps", "class_values", "differences")
    read = {name: summary.TABLES[name].read(files[name]) for name in shown}
    return Scorecard(
        SCORECARD.read(out), **read, discrepancy=DISCREPANCY.read(measured)
    )


#: Features, labels by class, and recordings of a dataset.
_Table = tuple[NDArray[np.float32], pd.DataFrame, NDArray[np.str_]]


def _tables_of(
    X: ArrayLike,
    y: ArrayLike,
    domain: ArrayLike,
    recordings: ArrayLike | None,
    classes: Sequence[str] | None,
) -> dict[str, _Table]:
    """Return what each dataset has."""
    features, names = np.asarray(X, np.float64), np.asarray(domain).astype(str)
    if features.ndim != 2 or names.shape != features.shape[:1]:
        raise DataError(
            "X must have a row and domain a name for each clip, got the shapes "
            f"{features.shape} and {names.shape}."
        )
    if not np.isfinite(features).all():
        row, column = np.argwhere(~np.isfinite(features))[0]
        raise DataError(
            f"X must be finite, got {features[row, column]} for clip {row}, feature "
            f"{column}."
        )
    given = np.arange(len(names)) if recordings is None else np.asarray(recordings)
    if given.shape != names.shape:
        raise DataError(
            f"recordings must name the recording of each of {len(names)} clips, got an "
            f"array of shape {given.shape}."
        )
    if len(np.unique(names)) < 2:
        raise DataError(
            f"a scorecard is of 2 datasets or more, got {np.unique(names).tolist()} in "
            "domain."
        )
    labels, columns = label_matrix(y, len(names), classes)
    return {
        str(name): (
            features[names == name].astype(np.float32),
            pd.DataFrame(labels[names == name], columns=columns),
            given.astype(str)[names == name],
        )
        for name in dict.fromkeys(names.tolist())
    }


def _entries_of(
    methods: Sequence[str] | Mapping[str, Mapping[str, Any]],
) -> dict[str, dict[str, Any]]:
    """Return the complete config entry of each method, that of ``none`` first."""
    named = methods if isinstance(methods, Mapping) else {name: {} for name in methods}
    entries = {name: {"plugin": name, **options} for name, options in named.items()}
    for entry in entries.values():
        registry.check_entry("debias", entry)
    return {"none": {"plugin": "none"}, **entries}


def _write(
    folder: Path,
    name: str,
    X: NDArray[np.float32],
    labels: pd.DataFrame,
    recordings: NDArray[np.str_],
) -> dict[str, str]:
    """Write what the stages read of a dataset; return where they find it."""
    place = folder / f"{len(list(folder.iterdir())):02d}"
    place.mkdir()
    ids = [f"{name}:{i:07d}" for i in range(len(X))]
    nothing = {"subgroup": None, "split": None, "status": "ok"}
    clips = pd.DataFrame({"clip_id": ids, "recording": recordings} | nothing)
    for c, column in labels.items():
        cells = column.where(column >= 0).astype("Int8").astype("boolean")
        clips[f"{datasets.LABEL}{c}"] = cells.to_numpy()
    files = {"features": "features.zarr", "labels": "labels", "splits": "splits"}
    entry = {key: str(place / file) for key, file in files.items()}
    store.write_features(Path(entry["features"]), [X], ids, X.shape[1], {})
    clips.to_parquet(entry["labels"])
    return {"name": name, **entry}
