"""The tables of stage 5: scores of clips, scores of cells, and directions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from earshift import files
from earshift.debias import Found, Method
from earshift.errors import DataError
from earshift.evaluation.domains import PRESENT, Domain
from earshift.numerics import auc, metrics
from earshift.numerics.classifier import Classifier
from earshift.tables import SCORES

#: What identifies a row of the score table, in the order of its columns.
CELL = (
    "protocol",
    "model",
    "condition",
    "method",
    "scope",
    "train",
    "test",
    "sample",
    "partner",
    "class",
    "repeat",
)

#: Columns of the table of clips, but for those that name the experiment's part, and for
#: the scores of classifiers whose training data were drawn anew (`REFIT`).
CLIP = (
    "method",
    "scope",
    "train",
    "test",
    "sample",
    "partner",
    "class",
    "repeat",
    "fold",
    "clip_id",
    "recording",
    "present",
    "score",
    "threshold",
    "C",
    "n_train",
    "n_train_positive",
    "n_train_recordings",
)

#: Columns that say how much was trained on.
SIZES = ("n_train", "n_train_positive", "n_train_recordings")

#: How names of columns begin that have the scores of such classifiers.
REFIT = "refit_"

#: Columns of the table of directions, but for those that name the experiment's part.
DIRECTION = (
    "method",
    "scope",
    "train",
    "class",
    "repeat",
    "fold",
    "kind",
    "subgroup",
    "n_clips_a",
    "n_clips_b",
    "C",
    "vector",
)

#: Tables that a task of stage 5 returns.
TABLES = ("scores", "directions")


@dataclass(frozen=True)
class Part:
    """What all rows of a table have in common, and where the tables go.

    Parameters
    ----------
    protocol, model, condition : str
        Written into every row.
    clip_scores, scores, directions : Path
        Files to write.
    """

    protocol: str
    model: str
    condition: str
    clip_scores: Path
    scores: Path
    directions: Path


class ClipRows:
    """Collects the rows of tested clips that a task writes.

    They become one table at the end: to make many small ones takes longer than to train
    the classifiers.
    """

    def __init__(self) -> None:
        self._parts: list[tuple[Domain, NDArray[np.bool_], int]] = []
        self._scores: list[NDArray[np.float64]] = []
        self._again: list[Sequence[NDArray[np.float64]]] = []
        self._facts: list[Mapping[str, Any]] = []

    def add(
        self,
        target: Domain,
        test: NDArray[np.bool_],
        c: int,
        scores: NDArray[np.float64],
        again: Sequence[NDArray[np.float64]] = (),
        **facts: Any,
    ) -> None:
        """Add a row for each test clip of one dataset.

        Parameters
        ----------
        target : Domain
            The dataset.
        test : ndarray of shape (n_clips,), bool
            Which clips were scored.
        c : int
            Number of the class.
        scores : ndarray of shape (n_test,)
            Log-odds, where the classifier gives these; above 0 where a clip is taken to
            have the class.
        again : sequence of ndarray of shape (n_test,)
            Scores of classifiers whose training data were drawn anew; NaN where there
            is none.
        **facts
            The other columns of `CLIP`, the same for all these clips.

        Raises
        ------
        DataError
            If a score is not finite: without it, other clips would be scored than those
            of other methods.
        """
        bad = ~np.isfinite(scores)
        if bad.any():
            i = int(bad.argmax())
            raise DataError(
                f"the score of clip '{target.clip_id[test][i]}' of dataset "
                f"'{target.name}' is {scores[i]} ({bad.sum()} of {len(scores)} clips): "
                "every test clip needs a finite score. Does the method give very large "
                "features?"
            )
        self._parts.append((target, test, c))
        self._scores.append(scores)
        self._again.append(again)
        self._facts.append(facts)

    def table(self) -> pd.DataFrame:
        """Return all rows, with the columns `CLIP` and ``refit_0`` ..."""
        n = [len(scores) for scores in self._scores]
        domains = [(target, test) for target, test, _ in self._parts]
        columns: dict[str, Any] = {
            "test": np.repeat(np.array([d.name for d, _ in domains], object), n),
            "clip_id": np.concatenate([d.clip_id[test] for d, test in domains]),
            "recording": np.concatenate([d.recording[test] for d, test in domains]),
            "present": np.concatenate(
                [d.labels[test, c] == PRESENT for d, test, c in self._parts]
            ),
            "score": np.concatenate(self._scores),
        }
        for name in CLIP:
            if name not in columns:
                values = pd.Series([facts[name] for facts in self._facts])
                columns[name] = values.repeat(n).to_numpy()
        table = pd.DataFrame({name: columns[name] for name in CLIP})
        for k in range(max(map(len, self._again))):
            again = [
                scores[k] if k < len(scores) else np.full(length, np.nan)
                for scores, length in zip(self._again, n, strict=True)
            ]
            table[f"{REFIT}{k}"] = np.concatenate(again).astype(np.float32)
        return table


def sizes(present: NDArray[np.bool_], recordings: NDArray[np.str_]) -> dict[str, Any]:
    """Return how much a classifier has seen.

    Parameters
    ----------
    present : ndarray of shape (n_train,), bool
        Which of its training clips have the class.
    recordings : ndarray of shape (n_train,), str
        Their recordings.

    Returns
    -------
    dict
        Values of `SIZES`: clips, those with the class, and recordings.
    """
    numbers = (len(present), int(present.sum()), len(np.unique(recordings)))
    return dict(zip(SIZES, numbers, strict=True))


@contextmanager
def named(method: str, where: str) -> Iterator[None]:
    """Add to a `DataError` which method was used, and where.

    Parameters
    ----------
    method : str
        Its name in the experiment.
    where : str
        For instance ``"trained on 'a' (repeat 0, fold 1)"``.
    """
    try:
        yield
    except DataError as error:
        raise DataError(f"method '{method}', {where}: {error}") from error


def direction_rows(
    found: Sequence[Found],
    names: Sequence[str],
    kind: str = "dataset",
    **columns: Any,
) -> list[dict[str, Any]]:
    """Return a row for each vector that was found between datasets.

    Parameters
    ----------
    found : sequence of Found
        The vectors.
    names : sequence of str
        Names of the datasets; clips of the first two are counted.
    kind : {"dataset", "skipped"}, default="dataset"
        What the rows are: subgroups of too few clips to find a vector are ``skipped``.
    **columns
        Further columns of `DIRECTION`.

    Returns
    -------
    list of dict
        The rows.
    """
    return [
        columns
        | {
            "kind": kind,
            "subgroup": one.subgroup,
            "n_clips_a": one.n_clips.get(names[0], 0),
            "n_clips_b": one.n_clips.get(names[1], 0),
            "vector": np.asarray(one.vector, np.float32),
        }
        for one in found
    ]


def class_row(fitted: Classifier, **columns: Any) -> dict[str, Any]:
    """Return the row of a classifier's weights, with further columns of `DIRECTION`."""
    vector = fitted.coef.astype(np.float32)
    return columns | {"kind": "class", "C": fitted.C, "vector": vector}


def direction_table(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Return rows as a table with the columns `DIRECTION`."""
    table = pd.DataFrame(list(rows)).reindex(columns=list(DIRECTION))
    words = ("method", "scope", "train", "class", "kind", "subgroup")
    types = dict.fromkeys(words, "object") | {
        "n_clips_a": "Int64",
        "n_clips_b": "Int64",
        "C": "float64",
    }
    table = table.astype(types)
    return table.assign(
        **{word: table[word].where(table[word].notna(), None) for word in words}
    )


def write(
    tables: Sequence[pd.DataFrame],
    part: Part,
    methods: Mapping[str, Method],
    scopes: Sequence[str],
) -> None:
    """Write the tables of all tasks of a model and condition.

    Parameters
    ----------
    tables : sequence of DataFrame
        Rows of clips, and of directions.
    part : Part
        What they are of, and where they go.
    methods : mapping
        The methods by name, in their order. Rows of those that have no scopes
        are of the first one, and are written for all.
    scopes : sequence of str
        In their order.
    """
    rows, directions = (
        in_all_scopes(table, methods, scopes).assign(
            protocol=part.protocol, model=part.model, condition=part.condition
        )
        for table in tables
    )
    with files.whole_file(part.clip_scores) as file:
        rows.to_parquet(file, index=False)
    with files.whole_file(part.directions) as file:
        directions[["protocol", "model", "condition", *DIRECTION]].to_parquet(
            file, index=False
        )
    SCORES.write(score_rows(rows), part.scores)


def in_all_scopes(
    table: pd.DataFrame,
    methods: Mapping[str, Method],
    scopes: Sequence[str],
) -> pd.DataFrame:
    """Repeat rows that hold for each scope, in the order of methods and scopes.

    Parameters
    ----------
    table : DataFrame
        With columns `method` and `scope`.
    methods, scopes
        As in `write`.

    Returns
    -------
    DataFrame
        Rows of methods that have no scopes are there once for each.
    """
    parts = []
    for name, method in methods.items():
        own = table[table["method"] == name]
        for scope in scopes:
            if method.has_scopes:
                parts.append(own[own["scope"] == scope])
            else:
                parts.append(own.assign(scope=scope))
    return pd.concat(parts, ignore_index=True)


def score_rows(rows: pd.DataFrame) -> pd.DataFrame:
    """Return one row of metrics per cell.

    Parameters
    ----------
    rows : DataFrame
        Scores of clips, with the columns `CELL` and those of `clip_rows`.

    Returns
    -------
    DataFrame
        Columns of `tables.SCORES`.
    """
    out = []
    for cell, part in rows.groupby(list(CELL), sort=False, observed=True):
        scores = part["score"].to_numpy(float)
        present = part["present"].to_numpy(bool)
        values = metrics.all_resampled(
            scores,
            present,
            part["fold"].to_numpy(np.int64),
            part["threshold"].to_numpy(float),
            np.ones((len(part), 1)),
        )
        out.append(
            dict(zip(CELL, cell, strict=True))
            | {name: float(value[0]) for name, value in values.items()}
            | auc.threshold_metrics(scores, present)
            | {
                "n_positive": int(present.sum()),
                "n_test": len(part),
                "n_recordings": part["recording"].nunique(),
            }
            | {name: part[name].mean() for name in SIZES}
        )
    table = pd.DataFrame(out, columns=SCORES.names)
    # Not in the order of the tasks, which is that of the work.
    method = table.groupby(list(CELL[:5]), sort=False).ngroup()
    order = table.assign(place=method).sort_values(["place", *CELL[5:]])
    return order.drop(columns="place").reset_index(drop=True)
