"""Stage 8, report: what the figures of the ISMIR 2023 study show, as tables."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from earshift import datasets, layout
from earshift.studies.ismir2023 import columns, published
from earshift.studies.ismir2023.published import PUBLISHED, Methods, by_plugin

log = logging.getLogger(__name__)

#: Names of the figures: of all protocols together, and of each. They stand here, so
#: that the workflow knows its files without the libraries that draw them.
COMMON_FIGURES = ("genres", "samples")
PROTOCOL_FIGURES = ("class_scores", "arrows", "kernel_arrows", "cosines", "ranks")

#: Clips without a subgroup.
NO_GENRE = "no genre of these"

#: Stages at which clips are counted, in words.
STAGES = ("all clips", "training clips", "balanced")

#: Method that finds the direction between datasets -> features that it corrects.
PLAIN: Mapping[str, str] = {"lda": "none", "klda": "k"}

#: Methods with a direction per genre.
PER_GENRE = ("mlda", "mklda")

#: Tables of the section, beside ``main``: of scores, and what figures are drawn from.
TABLES = ("classes", "tests", "genres", "samples", "cosines", "ranks")

_FIT = ["protocol", "model", "condition", "repeat", "fold"]


def figure_names(protocols: Sequence[str]) -> list[str]:
    """Return the names of all figures of an experiment with these protocols."""
    return [*COMMON_FIGURES, *(f"{f}_{p}" for p in protocols for f in PROTOCOL_FIGURES)]


def write_data(
    results: Path,
    protocols: Sequence[str],
    names: Sequence[str],
    methods: Methods,
    directions: Sequence[Path],
    out: Path,
) -> None:
    """Write the tables that the study's figures are drawn from.

    Parameters
    ----------
    results : Path
        Folder of the results: clip tables, and labels, splits and draws by protocol.
    protocols, names : sequence of str
        Protocols and datasets of the experiment.
    methods : mapping
        Config entries of its methods.
    directions : sequence of Path
        Tables of fitted directions of each protocol, model and condition.
    out : Path
        Folder to write ``genres.csv``, ``samples.csv``, ``cosines.csv`` (with what was
        published) and ``ranks.csv`` to.
    """
    counted = [_Clips(results, p, n) for p in protocols for n in names]
    genres = pd.DataFrame([row for clips in counted for row in clips.genres()])
    columns.GENRES.write(genres, out / "genres.csv")
    samples = pd.DataFrame([row for clips in counted for row in clips.samples()])
    columns.SAMPLES.write(samples, out / "samples.csv")
    cosine_rows, ranks = [], []
    for path in directions:
        rows = by_plugin(pd.read_parquet(path), methods)
        cosine_rows.append(cosines(rows))
        ranks.append(singular_values(rows))
    measured = pd.concat(cosine_rows, ignore_index=True)
    both = pd.concat([measured, published_cosines(measured)], ignore_index=True)
    columns.COSINES.write(both, out / "cosines.csv")
    columns.RANKS.write(pd.concat(ranks, ignore_index=True), out / "ranks.csv")


class _Clips:
    """The clips of one dataset as one protocol uses them."""

    def __init__(self, results: Path, protocol: str, name: str) -> None:
        self.key = {"protocol": protocol, "dataset": name}
        self.listed = pd.read_parquet(layout.path(results, layout.CLIPS, dataset=name))
        if protocol == "paper" and "subgroup_paper" in self.listed:
            self.listed["subgroup"] = self.listed["subgroup_paper"]
        labels = pd.read_parquet(layout.path(results, layout.LABELS, **self.key))
        tested = pd.read_parquet(layout.path(results, layout.SPLITS, **self.key))
        first = tested["repeat"].eq(0) & tested["fold"].eq(tested["fold"].min())
        self.train = labels[~labels["clip_id"].isin(tested.loc[first, "clip_id"])]
        file = layout.path(results, layout.DRAWS, protocol=protocol)
        self.drawn = self._drawn(file) if file.is_file() else None

    def _drawn(self, file: Path) -> pd.DataFrame:
        """Return the draws of one fold, with what is known of each clip."""
        rows = pd.read_parquet(file, filters=[("dataset", "==", self.key["dataset"])])
        rows = rows[rows["fold"].eq(rows["fold"].min())]
        rows["class"] = rows["class"].astype(str)
        return rows.merge(self.train, on="clip_id")

    def genres(self) -> Iterator[dict[str, Any]]:
        """Yield how many clips each genre has at each of `STAGES`."""
        usable = self.listed[self.listed["status"].eq("ok")]
        tables = {STAGES[0]: usable, STAGES[1]: self.train}
        n_repeats = 1
        if self.drawn is not None:
            n_repeats = self.drawn["repeat"].nunique()
            tables[STAGES[2]] = self.drawn.drop_duplicates(["repeat", "clip_id"])
        for stage, table in tables.items():
            share = n_repeats if stage == STAGES[2] else 1
            counts = table["subgroup"].fillna(NO_GENRE).value_counts()
            for genre, n in counts.items():
                row = {"stage": stage, "subgroup": genre, "n_clips": n / share}
                yield self.key | row

    def samples(self) -> Iterator[dict[str, Any]]:
        """Yield how many training clips have each class, before and after the draw."""
        for c in datasets.classes(self.train):
            row: dict[str, Any] = {"class": c}
            row["n_train"] = int(self.train[datasets.LABEL + c].sum())
            if self.drawn is not None:
                rows = self.drawn[self.drawn["class"].eq(c)]
                if rows.empty:  # a class that the experiment does not use
                    continue
                n_repeats = self.drawn["repeat"].nunique()
                row["n_drawn"] = rows[datasets.LABEL + c].sum() / n_repeats
            yield self.key | row


def cosines(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the cosine of the direction between datasets and that of each class.

    Parameters
    ----------
    rows : DataFrame
        Fitted directions of a model, protocol and condition: columns protocol, model,
        condition, method, scope, train, class, repeat, fold, kind (``dataset`` or
        ``class``) and vector. A row without `train` or `class` holds for all.

    Returns
    -------
    DataFrame
        Columns protocol, model, condition, method, scope, train, class, cosine: means
        over repeats and folds, for each method of `PLAIN`.
    """
    parts = []
    for method, plain in PLAIN.items():
        between = _pick(rows, "dataset", method)
        classes = _pick(rows, "class", plain)
        if classes["scope"].nunique() < between["scope"].nunique():
            classes = classes.drop(columns="scope")  # fitted once for all scopes
        keys = [c for c in (*_FIT, "scope") if c in classes]
        for (has_train, has_class), part in between.groupby(
            [between["train"].notna(), between["class"].notna()]
        ):
            fixed = ["train"] * has_train + ["class"] * has_class
            absent = [c for c in ("train", "class") if c not in fixed]
            both = part.drop(columns=absent).merge(
                classes, on=[*keys, *fixed], suffixes=("", "_class")
            )
            both["cosine"] = [
                _cosine(a, b)
                for a, b in zip(both["vector"], both["vector_class"], strict=True)
            ]
            parts.append(both.assign(method=method))
    if not parts:
        return pd.DataFrame(columns=columns.COSINES.names)
    whole = pd.concat(parts, ignore_index=True)
    if whole["cosine"].isna().any():
        log.warning(
            "%d of %d directions are not in the space of their classifier, or are 0: "
            "they have no cosine",
            *(int(whole["cosine"].isna().sum()), len(whole)),
        )
    *keys, _ = columns.COSINES.names
    return whole.groupby(keys, sort=False)["cosine"].mean().reset_index()


def _pick(rows: pd.DataFrame, kind: str, method: str) -> pd.DataFrame:
    picked = rows[rows["kind"].eq(kind) & rows["method"].eq(method)]
    return picked[[*_FIT, "scope", "train", "class", "vector"]]


def _cosine(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    if len(a) != len(b):
        return float("nan")
    x, y = np.asarray(a, float), np.asarray(b, float)
    size = np.linalg.norm(x) * np.linalg.norm(y)
    return float(x @ y / size) if size > 0 else float("nan")


def singular_values(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the singular values of the stacked unit directions of the genres.

    Parameters
    ----------
    rows : DataFrame
        As for `cosines`, with a column subgroup.

    Returns
    -------
    DataFrame
        Columns protocol, model, condition, method, scope, class (empty for all), genres
        (how many were stacked), place (1 for the largest) and value: means over
        training sets, repeats and folds. n unit directions that are orthogonal have n
        values of 1; a value of 0 is a direction that the others span.
    """
    keys = ["protocol", "model", "condition", "method", "scope", "class"]
    directions = rows[rows["kind"].eq("dataset") & rows["method"].isin(PER_GENRE)]
    directions = directions.assign(
        **{
            "class": directions["class"].fillna(""),
            "train": directions["train"].fillna(""),
        }
    )
    entries = []
    for key, part in directions.groupby([*keys, "train", "repeat", "fold"], sort=False):
        stack = np.stack(part["vector"].to_list()).astype(float)
        size = np.linalg.norm(stack, axis=1, keepdims=True)
        stack = stack[size[:, 0] > 0] / size[size > 0][:, None]
        values = np.linalg.svd(stack, compute_uv=False)
        named = dict(zip(keys, key, strict=False)) | {"genres": len(stack)}
        entries += [
            named | {"place": i, "value": value} for i, value in enumerate(values, 1)
        ]
    table = pd.DataFrame(entries, columns=columns.RANKS.names)
    mean = table.groupby([*keys, "genres", "place"], sort=False)["value"].mean()
    return mean.reset_index()


def published_cosines(wanted: pd.DataFrame) -> pd.DataFrame:
    """Return the published cosines of the models, scopes and classes of `wanted`.

    Parameters
    ----------
    wanted : DataFrame
        As `cosines` returns them.

    Returns
    -------
    DataFrame
        The same columns; the protocol is ``"published"``.
    """
    keys = ["model", "method", "scope", "train", "class"]
    clean = wanted.loc[wanted["condition"].eq("clean"), keys].drop_duplicates()
    table = published.cosines().merge(clean, on=keys)
    return table.assign(condition="clean", protocol=PUBLISHED)
