"""Turn the final tables into sentences that say no more than the numbers do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd

from earshift import registry, statistics
from earshift.report import tables, words
from earshift.report.tables import Tables
from earshift.statistics import NO_EFFECT

#: More sentences than this under one heading are drawn together.
MANY = 8

#: Verdict -> what it says of a method, in a sentence.
SAID = {
    statistics.WORTH_IT: "it is worth it",
    statistics.HARMFUL: "it is harmful",
    statistics.UNSURE_GAIN: "it gains, whether enough to matter is unsure,",
    statistics.UNSURE_LOSS: "it loses, whether enough to matter is unsure,",
    statistics.EQUIVALENT: "it is practically equivalent to none",
}

#: One line of a table.
Row = Any


@dataclass(frozen=True)
class Section:
    """Findings on one question.

    Parameters
    ----------
    heading : str
        The question.
    sentences : list of str
        The answers, plain text.
    """

    heading: str
    sentences: list[str]


def findings(found: Tables) -> list[Section]:
    """Return what the tables say, in words.

    Parameters
    ----------
    found : Tables
        The final tables.

    Returns
    -------
    list of Section
        Only sections that have something to say.
    """
    answers: dict[str, Callable[[Tables], Iterator[str]]] = {
        "How well do classifiers carry over from dataset to dataset?": _gaps,
        "Which models and classes lose most?": _losers,
        "How different are the datasets?": _differences,
        "What do the corrections do?": _corrections,
    }
    sections = [Section(heading, list(say(found))) for heading, say in answers.items()]
    return [section for section in sections if section.sentences]


def _gaps(found: Tables) -> Iterator[str]:
    plain = found.gaps[found.gaps["variant"].eq("none")]
    cells = found.summary[found.summary["variant"].eq("none")]
    if len(plain) > MANY:
        for (train, test), part in plain.groupby(["train", "test"], sort=False):
            yield _gap_range(str(train), str(test), part)
        return
    row: Row
    for row in plain.itertuples():
        across = cells[
            cells["setting"].eq(row.setting)
            & cells["train"].eq(row.train)
            & cells["test"].eq(row.test)
        ].iloc[0]
        yield gap_sentence(row, (across["roc_auc_low"], across["roc_auc_high"]))


def gap_sentence(row: Row, across: tuple[float, float]) -> str:
    """Say how far one model falls from one dataset to another.

    Parameters
    ----------
    row : named tuple
        A row of the gap table.
    across : tuple of float
        Interval of its value across.

    Returns
    -------
    str
        A sentence; a gap whose interval holds 0 is called not detectable.
    """
    gap = f"{words.number(row.gap)} {words.interval(row.gap_low, row.gap_high)}"
    if words.includes(row.gap_low, row.gap_high, 0):
        amounts = f"no detectable gap ({gap})"
    elif row.gap > 0:
        amounts = f"a gap of {gap}"
    else:
        amounts = f"no loss but a gain: a gap of {gap}"
    return (
        f"Trained on {row.train} and tested on {row.test}, {row.setting} reaches a "
        f"mean ROC-AUC of {words.number(row.across)} {words.interval(*across)} where "
        f"training on {row.test} itself gives {words.number(row.within)}: {amounts}."
    )


def _gap_range(train: str, test: str, part: pd.DataFrame) -> str:
    part = part.sort_values("gap")
    ends = [
        f"{words.number(r.gap)} {words.interval(r.gap_low, r.gap_high)} ({r.setting})"
        for r in (part.iloc[0], part.iloc[-1])
    ]
    sure = part["gap_low"].gt(0) | part["gap_high"].lt(0)
    unsure = tables.ordered(part.loc[~sure, "setting"])
    tail = f" No gap is detectable with {words.listed(unsure)}." if unsure else ""
    return (
        f"Trained on {train} and tested on {test}, the gap to training on {test} "
        f"itself lies between {ends[0]} and {ends[1]}.{tail}"
    )


def _losers(found: Tables) -> Iterator[str]:
    plain = found.gaps[found.gaps["variant"].eq("none")]
    mean = plain.groupby("setting", sort=False)["gap"].mean().sort_values()
    if len(mean) > 1:
        over = words.count(len(found.directions), "direction")
        yield (
            f"Of {len(mean)} models, {mean.index[-1]} loses most across datasets (mean "
            f"gap {words.number(mean.iloc[-1])} over {over}) and {mean.index[0]} least "
            f"({words.number(mean.iloc[0])}). Models are ranked by these means; the "
            "differences between models are not tested."
        )
    classes = tables.per_class(found.scores).dropna(subset=["drop"])
    across = classes[classes["train"].ne(classes["test"])]
    worst = across.sort_values("drop", kind="stable").tail(1)
    row: Row
    for row in worst[worst["drop"] > 0].rename(columns={"class": "name"}).itertuples():
        yield (
            f"The largest loss of a single class is that of {row.name}: its ROC-AUC is "
            f"{words.number(row.within)} within {row.test} and "
            f"{words.number(row.roc_auc)} when trained on {row.train} ({row.setting}). "
            f"It is the largest of {len(across)} values, so chance has a part in it."
        )


def _differences(found: Tables) -> Iterator[str]:
    plain = found.discrepancy[found.discrepancy["variant"].eq("none")]
    for (measure, a, b), part in plain.groupby(["measure", "a", "b"], sort=False):
        plugin = registry.load("discrepancy", str(measure))
        chance = float(plugin.chance)
        values = [_difference(row, chance) for row in part.itertuples()]
        yield (
            f"Between {a} and {b}, the {plugin.label} ({words.number(chance, 1)} is "
            f"chance) is {words.listed(values)}."
        )


def _difference(row: Row, chance: float) -> str:
    value = f"{words.number(row.value)} {words.interval(row.low, row.high)}"
    if words.includes(row.low, row.high, chance):
        return f"{value} with {row.setting} (no detectable difference)"
    return f"{value} with {row.setting}"


def _corrections(found: Tables) -> Iterator[str]:
    summary = found.summary
    for variant in found.variants[1:]:
        own = summary[summary["variant"].eq(variant)]
        within = own["train"].eq(own["test"])
        access = own["access"].iloc[0]
        sentences = [
            f"{variant} ({access}): {_effects(own[~within], 'across datasets')}.",
            f"{_effects(own[within], 'Within datasets')}.",
            _what_is_left(found.gaps[found.gaps["variant"].eq(variant)]),
        ]
        yield " ".join(sentences)
    yield from _erased(found)


def _what_is_left(gaps: pd.DataFrame) -> str:
    """Say what gap a method leaves, whether it helped or not."""
    low, high = gaps["gap"].min(), gaps["gap"].max()
    span = f"of {words.number(low)}"
    if len(gaps) > 1:
        span = f"from {words.number(low)} to {words.number(high)}"
    closed = int((gaps["gap_low"].le(0) & gaps["gap_high"].ge(0)).sum())
    if closed:
        return (
            f"Gaps {span} remain; in {closed} of {len(gaps)} no gap is detectable any "
            "more."
        )
    return f"Gaps {span} remain." if len(gaps) > 1 else f"A gap {span} remains."


def _erased(found: Tables) -> Iterator[str]:
    """Say after which methods the measures see no difference any more."""
    table = found.discrepancy[found.discrepancy["variant"].ne("none")]
    for measure, rows in table.groupby("measure", sort=False):
        plugin = registry.load("discrepancy", str(measure))
        chance = float(plugin.chance)
        gone = rows["low"].le(chance) & rows["high"].ge(chance)
        after = [
            f"{variant} (in {int(own.sum())} of {words.count(len(own), 'comparison')})"
            for variant, own in gone.groupby(rows["variant"], sort=False)
            if own.any()
        ]
        if after:
            end = f"can no longer be told apart after {words.listed(after)}"
        else:
            end = "can still be told apart after every correction"
        yield f"By the {plugin.label}, the datasets {end}."


def _effects(rows: pd.DataFrame, where: str) -> str:
    """Say how many of `rows` each verdict has, and name the strongest change."""
    n = len(rows)
    quiet = rows[rows["verdict"].eq(NO_EFFECT)]
    if len(quiet) == n:
        low, high = rows["change"].min(), rows["change"].max()
        span = (
            f"changes of mean ROC-AUC from {words.signed(low)} to {words.signed(high)}"
        )
        if n == 1:
            span = f"a change of mean ROC-AUC of {words.signed(low)}"
        return f"{where}, {NO_EFFECT} in any of {words.count(n, 'comparison')} ({span})"
    parts = []
    for verdict, said in SAID.items():
        own = rows[rows["verdict"].eq(verdict)]
        if len(own):
            strongest = own.loc[[own["change"].abs().idxmax()]]
            shown = "".join(_named(row) for row in strongest.itertuples())
            most = "" if len(own) == 1 else "most: "
            parts.append(
                f"{said} in {len(own)} of {words.count(n, 'comparison')} "
                f"({most}{shown})"
            )
    if len(quiet):
        parts.append(f"there is {NO_EFFECT} in {len(quiet)} of {n}")
    return f"{where}, {words.listed(parts)}"


def _named(row: Row) -> str:
    place = (
        f"within {row.test}"
        if row.train == row.test
        else f"trained on {row.train}, tested on {row.test}"
    )
    span = words.signed_interval(row.change_low, row.change_high)
    return (
        f"{row.setting} {place}: {words.signed(row.change)} {span}, corrected p = "
        f"{words.p_value(row.p_holm)}"
    ).replace("= <", "<")
