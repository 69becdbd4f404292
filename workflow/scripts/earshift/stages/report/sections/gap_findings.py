"""Sentences on what is lost across datasets, by which models, and in which classes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd

from earshift.numerics import metrics
from earshift.stages.report import final_tables, words
from earshift.stages.report.final_tables import TOLD, Tables
from earshift.stages.report.sections import MANY

#: One line of a table.
Row = Any


def gaps(found: Tables, alpha: float) -> Iterator[str]:
    """Yield the largest gap of all metrics of `TOLD`, what mends it, then each gap.

    Parameters
    ----------
    found : Tables
        The final tables.
    alpha : float
        A gap is detected where its corrected p-value is below this.

    Yields
    ------
    str
        A sentence or more.
    """
    told = found.metric_gaps.dropna(subset=["gap"])
    told = told[told["metric"].isin(TOLD)]
    plain = told[told["variant"].eq("none")]
    if plain.empty:
        return
    yield _largest(plain, told[told["variant"].ne("none")], alpha)
    cells = plain.groupby(["train", "test", "setting"], sort=False)
    if len(cells) <= MANY:
        for _, rows in cells:
            yield gap_sentence(rows, alpha)
        return
    for (train, test), part in plain.groupby(["train", "test"], sort=False):
        yield _gap_range(str(train), str(test), part, alpha)
    yield from _nulls(plain)


def _way(metric: str) -> float:
    """Return how far it is from chance to perfect in a metric."""
    known = metrics.metric(metric)
    return abs(known.ideal - known.chance)


def _label(metric: str) -> str:
    return metrics.metric(metric).label


def _place(row: Row) -> str:
    return f"trained on {row.train} and tested on {row.test}"


def corrected_p(p_holm: float) -> str:
    """Return ``"corrected p = 0.010"``, or that it is below a bound."""
    return f"corrected p = {words.p_value(p_holm)}".replace("= <", "<")


def _largest(plain: pd.DataFrame, corrected: pd.DataFrame, alpha: float) -> str:
    """Name the metric, model and direction in which most is lost, and what mends it.

    Metrics are compared in shares of the way from chance to a perfect classifier.
    """
    share = plain["gap"] / plain["metric"].map(_way)
    lost = plain["p_holm"].lt(alpha) & plain["gap"].gt(0)
    labels = [_label(name) for name in final_tables.ordered(plain["metric"])]
    of_all = f"{words.count(len(plain), 'gap')} in {words.listed(labels)}"
    place = (share[lost] if lost.any() else share).idxmax()
    row: Row = next(plain.loc[[place]].itertuples())
    span = words.interval(row.gap_low, row.gap_high)
    gap = f"{words.number(row.gap)} {span} ({corrected_p(row.p_holm)})"
    if not lost.any():
        return (
            f"No loss across datasets is detected ({of_all}), which does not show that "
            f"there is none: the largest gap is {gap}, in {_label(row.metric)}, of "
            f"{row.setting}, {_place(row)}."
        )
    part = words.number(100 * share[place], 0)
    return (
        f"Most is lost in {_label(row.metric)}: {_place(row)}, {row.setting} reaches "
        f"{words.number(row.across)} where training on {row.test} itself gives "
        f"{words.number(row.within)}, a gap of {gap}, or {part}\N{NO-BREAK SPACE}% of "
        f"the way from chance to a perfect classifier. It is the largest of {of_all}, "
        f"so chance has a part in it. {_won_back(row, corrected, alpha)}"
    ).rstrip()


def _won_back(gap: Row, corrected: pd.DataFrame, alpha: float) -> str:
    """Say which correction wins back most of a gap, if that is detected of any."""
    cell = ["setting", "train", "test", "metric"]
    here = (corrected[cell] == [getattr(gap, name) for name in cell]).all(axis=1)
    rows = corrected[here]
    if rows.empty:
        return ""
    one = len(rows) == 1
    tried = f"Of {words.count(len(rows), 'correction')}, "
    gains = rows[rows["gain"].gt(0) & rows["p_gain_holm"].lt(alpha)]
    if gains.empty:
        no_one = f"{rows['variant'].iloc[0]} is not" if one else f"{tried}none is"
        return f"{no_one} shown to win any of it back."
    best: Row = next(gains.loc[[gains["gain"].idxmax()]].itertuples())
    # Of the classes that both are known of, the gap may be told from 0 no more.
    share = "part of it"
    if math.isfinite(best.recovered):
        ends = best.recovered_low, best.recovered_high
        share = f"{words.share(best.recovered, *ends)} of it"
    left = words.interval(best.remaining_low, best.remaining_high)
    most = "" if one else ", most of all"
    return (
        f"{'' if one else tried}{best.variant} wins back {share}{most} "
        f"({corrected_p(best.p_gain_holm)}); {words.number(best.remaining)} {left} "
        f"remains."
    )


def gap_sentence(rows: pd.DataFrame, alpha: float) -> str:
    """Say how far one model falls from one dataset to another.

    Parameters
    ----------
    rows : DataFrame
        Rows of the gap table: one for each metric that is told, the first in full.
    alpha : float
        As in `gaps`.

    Returns
    -------
    str
        With the sizes of the training sets, what is due to these, and the gap between
        halves of the test dataset.
    """
    first, *others = rows.itertuples()
    sentences = [
        f"Trained on {first.train} and tested on {first.test}, {first.setting} reaches "
        f"a mean {_label(first.metric)} of {words.number(first.across)} where training "
        f"on {first.test} itself gives {words.number(first.within)}: "
        f"{_amount(first, alpha)}."
    ]
    sentences += [
        f"In {_label(row.metric)} it reaches {words.number(row.across)} and "
        f"{words.number(row.within)}: {_amount(row, alpha)}."
        for row in others
    ]
    sentences.append(f"Each is trained on {_sizes(first)}.")
    sentences.append(_of_size([first, *others]))
    nulls = [_null(row) for row in (first, *others) if math.isfinite(row.null_gap)]
    if nulls:
        sentences.append(
            f"Two halves of {first.test}, between which there is no gap in truth, "
            f"differ by {words.listed(nulls)}."
        )
    return " ".join(filter(None, sentences))


def _amount(row: Row, alpha: float) -> str:
    """Say how large a gap is, and whether it is detected."""
    gap = f"{words.number(row.gap)} {words.interval(row.gap_low, row.gap_high)}"
    p = corrected_p(row.p_holm)
    if not row.p_holm < alpha:
        sure_alone = not words.includes(row.gap_low, row.gap_high, 0)
        after = " after correction for the number of gaps" if sure_alone else ""
        return f"no gap is detected{after} ({gap}, {p})"
    if row.gap > 0:
        return f"a gap of {gap} ({p})"
    more = f"{words.number(-row.gap)} {words.interval(-row.gap_high, -row.gap_low)}"
    return f"training on {row.train} gives more, by {more} ({p})"


def _sizes(row: Row) -> str:
    """Return how many clips each of the two classifiers of a gap was trained on."""
    without = row.n_train - row.n_train_positive
    return (
        f"{words.number(row.n_train, 0)} clips of a class, "
        f"{words.number(row.n_train_positive, 0)} with it and "
        f"{words.number(without, 0)} without (means over classes and folds)"
    )


def _of_size(rows: Sequence[Row]) -> str:
    """Say what training on all clips changes, in metrics whose intervals exclude 0."""
    said = []
    for row in rows:
        if row.of_size_low > 0 or row.of_size_high < 0:
            said.append(
                f"the gap in {_label(row.metric)} is {words.number(row.gap_all)} "
                f"{words.interval(row.gap_all_low, row.gap_all_high)}, which "
                f"these sizes change by {words.signed(row.of_size, 2)} "
                f"{words.signed_interval(row.of_size_low, row.of_size_high, 2)}"
            )
    if not said:
        return ""
    first = rows[0]
    return (
        f"Trained on all clips, {words.number(first.n_train_across, 0)} of "
        f"{first.train} and {words.number(first.n_train_within, 0)} of {first.test}, "
        f"{words.listed(said)}."
    )


def _null(row: Row) -> str:
    span = words.interval(row.null_gap_low, row.null_gap_high)
    return f"{words.number(row.null_gap)} {span} in {_label(row.metric)}"


def _nulls(plain: pd.DataFrame) -> Iterator[str]:
    """Say between what values the gaps of halves of a dataset lie, for each metric."""
    for metric, part in plain.dropna(subset=["null_gap"]).groupby("metric", sort=False):
        part = part.drop_duplicates(["setting", "test"]).sort_values("null_gap")
        ends = part.iloc[[0, -1]] if len(part) > 1 else part
        said = [
            f"{words.number(r.null_gap)} "
            f"{words.interval(r.null_gap_low, r.null_gap_high)} ({r.test}, {r.setting})"
            for r in ends.itertuples()
        ]
        yield (
            f"Between two halves of one dataset there is no gap in truth; in "
            f"{_label(str(metric))} it is {' to '.join(said)}."
        )


def _gap_range(train: str, test: str, part: pd.DataFrame, alpha: float) -> str:
    """Say between what values the gaps of one direction lie, for each metric."""
    said = []
    for metric, rows in part.groupby("metric", sort=False):
        rows = rows.sort_values("gap", kind="stable")
        ends = [
            f"{words.number(r.gap)} {words.interval(r.gap_low, r.gap_high)} "
            f"({r.setting})"
            for r in (rows.iloc[0], rows.iloc[-1])
        ]
        unsure = final_tables.ordered(rows.loc[~rows["p_holm"].lt(alpha), "setting"])
        tail = f" No gap is detected with {words.listed(unsure)}." if unsure else ""
        said.append(
            f"the gap in {_label(str(metric))} to training on {test} itself lies "
            f"between {ends[0]} and {ends[1]}.{tail}"
        )
    first, *more = said
    more = [f"{sentence[0].upper()}{sentence[1:]}" for sentence in more]
    row: Row = next(part.itertuples())
    sizes = f"With {row.setting}, each classifier is trained on {_sizes(row)}."
    return " ".join([f"Trained on {train} and tested on {test}, {first}", *more, sizes])


def models_and_classes(found: Tables, alpha: float) -> Iterator[str]:
    """Yield how models differ, and which class is the worst.

    Parameters
    ----------
    found : Tables
        The final tables.
    alpha : float
        A difference is detected where its corrected p-value is below this.

    Yields
    ------
    str
        A sentence or more.
    """
    rows = found.differences
    rows = rows[rows["kind"].eq("models") & rows["metric"].eq("roc_auc")]
    rows = rows.dropna(subset=["difference"])
    is_one = rows["condition"].nunique() < 2
    rows = rows.assign(note="" if is_one else " (" + rows["condition"] + ")")
    if rows.empty and found.summary["model"].nunique() > 1:
        yield (
            "Models are not compared with each other, since they have not embedded the "
            "same clips."
        )
    within = rows["train"].eq(rows["test"])
    for part, where in ((rows[~within], "across"), (rows[within], "within")):
        if len(part[["a", "b"]].drop_duplicates()) > MANY:
            yield _many_models(part, where, alpha)
            continue
        for (a, b), own in part.groupby(["a", "b"], sort=False):
            yield _two_models(str(a), str(b), own, where, alpha)
    yield from _worst_class(found)


def _two_models(a: str, b: str, rows: pd.DataFrame, where: str, alpha: float) -> str:
    """Say in how many comparisons one of two models is better."""
    n = words.count(len(rows), "comparison")
    sure = rows["p_holm"].lt(alpha)
    parts = []
    for better, worse, sign in ((b, a, 1), (a, b, -1)):
        own = rows[sure & rows["difference"].mul(sign).gt(0)]
        if len(own):
            most: Row = next(own.loc[[own["difference"].abs().idxmax()]].itertuples())
            parts.append(
                f"{better} has a higher ROC-AUC than {worse} in {len(own)} of {n} "
                f"({'at most ' * (len(own) > 1)}{_difference(most, sign)})"
            )
    if not parts:
        low, high = rows["difference"].min(), rows["difference"].max()
        span = words.signed(low, 2)
        span += f" to {words.signed(high, 2)}" if len(rows) > 1 else ""
        parts = [
            f"no difference in ROC-AUC between {a} and {b} is detected in {n} ({b} "
            f"minus {a}: {span})"
        ]
    paired = "compared on the same clips and draws, without correction"
    return f"{where.capitalize()} datasets, {words.listed(parts)}; {paired}."


def _difference(row: Row, sign: int = 1) -> str:
    low, high = sorted([sign * row.low, sign * row.high])
    place = f"within {row.test}" if row.train == row.test else _place(row)
    value = f"{words.number(sign * row.difference)} {words.interval(low, high)}"
    return f"{value} {place}{row.note}, {corrected_p(row.p_holm)}"


def _many_models(rows: pd.DataFrame, where: str, alpha: float) -> str:
    sure = int(rows["p_holm"].lt(alpha).sum())
    most: Row = next(rows.loc[[rows["difference"].abs().idxmax()]].itertuples())
    ends = (most.b, most.a) if most.difference > 0 else (most.a, most.b)
    return (
        f"{where.capitalize()} datasets, {sure} of {len(rows)} paired differences in "
        f"ROC-AUC between models are detected; the largest is {ends[0]} over "
        f"{ends[1]}: {_difference(most, 1 if most.difference > 0 else -1)}."
    )


def _worst_class(found: Tables) -> Iterator[str]:
    """Say which class classifiers of another dataset know least."""
    values = found.class_values
    values = values[values["variant"].eq("none") & values["metric"].eq("roc_auc")]
    across = values[values["train"].ne(values["test"])]
    across = across.dropna(subset=["value_shrunken"])
    worst = across.sort_values("value_shrunken", kind="stable").head(1)
    for row in worst.rename(columns={"class": "name"}).itertuples():
        home = values[
            values["setting"].eq(row.setting)
            & values["train"].eq(row.test)
            & values["test"].eq(row.test)
            & values["class"].eq(row.name)
        ]
        own = "".join(
            f", within {row.test} {_class_value(r)}" for r in home.itertuples()
        )
        yield (
            f"The class that classifiers tell worst across datasets is {row.name}: its "
            f"ROC-AUC is {_class_value(row)} with {row.setting}, {_place(row)}{own}. "
            f"The worst of {len(across)} values looks worse than it is; these are "
            f"drawn towards the mean of the classes, the more the less is known of "
            f"each."
        )


def _class_value(row: Row) -> str:
    span = words.interval(row.value_shrunken_low, row.value_shrunken_high)
    return f"{words.number(row.value_shrunken)} {span}"
