"""Turn the final tables into sentences that say no more than the numbers do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pandas as pd

from earshift.numerics import inference
from earshift.numerics.inference import NO_EFFECT
from earshift.stages.report import final_tables, words
from earshift.stages.report.final_tables import Tables
from earshift.stages.report.measured import COUNTS, counted
from earshift.stages.report.sections import MANY, Findings

#: Verdict -> what it says of a method, in a sentence.
SAID = {
    inference.WORTH_IT: "it is worth it",
    inference.HARMFUL: "it is harmful",
    inference.UNSURE_GAIN: "it helps, though possibly too little to matter,",
    inference.UNSURE_LOSS: "it harms, though possibly too little to matter,",
    inference.EQUIVALENT: "it is practically equivalent to none",
}

#: One line of a table.
Row = Any


def findings(found: Tables) -> list[Findings]:
    """Return what the tables say, in words.

    Parameters
    ----------
    found : Tables
        The final tables.

    Returns
    -------
    list of Findings
        Only on questions that have an answer.
    """
    answers: dict[str, Callable[[Tables], Iterator[str]]] = {
        "How well do classifiers carry over from dataset to dataset?": _gaps,
        "Which models and classes lose most?": _losers,
        "How different are the datasets?": _differences,
        "What do the corrections do?": _corrections,
    }
    told = [Findings(heading, list(say(found))) for heading, say in answers.items()]
    return [each for each in told if each.sentences]


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
        amounts = f"no gap is detectable ({gap})"
    elif row.gap > 0:
        amounts = f"a gap of {gap}"
    else:
        more = f"{words.number(-row.gap)} {words.interval(-row.gap_high, -row.gap_low)}"
        amounts = f"training on {row.train} gives more, by {more}"
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
    unsure = final_tables.ordered(part.loc[~sure, "setting"])
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
        is_one = found.gaps["condition"].nunique() == 1
        what = "models" if is_one else "models and conditions"
        yield (
            f"Of {len(mean)} {what}, {mean.index[-1]} loses most across datasets (mean "
            f"gap {words.number(mean.iloc[-1])} over {over}) and {mean.index[0]} least "
            f"({words.number(mean.iloc[0])}). {what.capitalize()} are ranked by these "
            f"means; the differences between {what} are not tested."
        )
    classes = final_tables.per_class(found.scores).dropna(subset=["drop"])
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
    keys = ["measure", "a", "b", *COUNTS]
    for _, part in plain.groupby(keys, sort=False):
        row: Row = next(part.itertuples())
        without = ""
        if not row.tested:
            without = f" ({row.expected:g} means no difference)"
        values = [_difference(row) for row in part.itertuples()]
        yield (
            f"Between {row.a} and {row.b}, on {counted(row)}, the {row.label}{without} "
            f"is {words.listed(values)}."
        )
    yield from _halves(found)


def _difference(row: Row) -> str:
    notes = [] if row.detected else ["no difference is detected with so many clips"]
    if row.tested:
        expected = words.number(row.expected, _digits(row))
        span = words.interval(row.null_low, row.null_high, _digits(row))
        notes.append(f"equal datasets: {expected} {span}")
    note = f" ({'; '.join(notes)})" if notes else ""
    return f"{_estimate(row)} with {row.setting}{note}"


def _digits(row: Row) -> int:
    return int(row.digits) - 1 if row.bounds else int(row.digits)


def _estimate(row: Row) -> str:
    """Return the value of a measure with its interval, or a bound of it."""
    digits = _digits(row)
    return words.without_spread(row.low, row.high, row.bounds, digits) or (
        f"{words.number(row.value, digits)} {words.interval(row.low, row.high, digits)}"
    )


def _halves(found: Tables) -> Iterator[str]:
    """Say what the measures give between halves of one dataset; the ends, of many."""
    for _, part in found.halves.dropna(subset=["value"]).groupby("measure", sort=False):
        part = part.sort_values("value", kind="stable")
        ends = part.iloc[[0, -1]] if len(part) > 1 else part
        said = [f"{_estimate(r)} ({r.dataset}, {r.setting})" for r in ends.itertuples()]
        yield (
            f"For comparison, between two halves of one dataset, with as many clips, "
            f"the {part['label'].iloc[0]} is {' to '.join(said)}."
        )


def _corrections(found: Tables) -> Iterator[str]:
    summary = found.summary
    for variant in found.variants[1:]:
        own = summary[summary["variant"].eq(variant)]
        within = own["train"].eq(own["test"])
        # A method may not serve all directions.
        sentences = [
            f"{_effects(own[rows], where)}."
            for rows, where in (
                (~within, "across datasets"),
                (within, "within datasets"),
            )
            if rows.any()
        ]
        first, *more = [*sentences, *_what_is_left(found, variant)]
        more = [sentence[0].upper() + sentence[1:] for sentence in more]
        yield " ".join([f"{variant} ({own['access'].iloc[0]}): {first}", *more])
    yield from _erased(found)


def _what_is_left(found: Tables, variant: str) -> Iterator[str]:
    """Say which gaps a method closes, which remain and which it opens.

    All are gaps to the classifier within the test dataset that is *not* corrected. One
    is closed if it was detectable without the method, the corrected classifier gains
    across, and what remains is not detectable.
    """
    cell = ["setting", "train", "test"]
    gaps, changes = (
        table[table["variant"].eq(variant)].set_index(cell)
        for table in (found.gaps, found.summary)
    )
    before = found.gaps[found.gaps["variant"].eq("none")].set_index(cell)["gap_low"]
    if gaps.empty:
        return
    was = before.gt(0).reindex(gaps.index)
    gains = (changes["change_low"].gt(0) & changes["p_holm"].lt(0.05)).loc[gaps.index]
    closed = was & gains & gaps["remaining_low"].le(0)
    if was.any():
        n = int(was.sum())
        yield (
            f"Of {words.count(n, 'gap')} detectable without it, it closes "
            f"{int(closed.sum()) or 'none'}; what remains of "
            f"{'it' if n == 1 else 'them'} is {_span(gaps[was])}."
        )
    else:
        yield "No gap was detectable without it, so there is none to close."
    opened = gaps[~was & gaps["remaining_low"].gt(0)]
    if len(opened):
        yield (
            f"In {words.count(len(opened), 'comparison')} it opens a gap that was not "
            f"detectable before: {_span(opened)}."
        )


def _span(gaps: pd.DataFrame) -> str:
    """Return the smallest and the largest remaining gap, with their intervals."""
    gaps = gaps.sort_values("remaining", kind="stable")
    ends = gaps.iloc[[0, -1]] if len(gaps) > 1 else gaps
    columns = ["remaining", "remaining_low", "remaining_high"]
    said = [
        f"{words.number(value)} {words.interval(low, high)}"
        for value, low, high in ends[columns].to_numpy()
    ]
    return " to ".join(said)


def _erased(found: Tables) -> Iterator[str]:
    """Say after which methods a measure does not detect a difference."""
    keys = ["setting", "a", "b"]
    for _, rows in found.discrepancy.groupby("measure", sort=False):
        label, clips = rows["label"].iloc[0], _clips(rows)
        rows = rows.set_index(keys)
        plain = rows.loc[rows["variant"].eq("none"), "detected"]
        corrected = rows[rows["variant"].ne("none")]
        if corrected.empty:
            continue
        n = words.count(int(plain.sum()), "difference")
        if not plain.any():
            yield f"By the {label}, no difference is detected to begin with ({clips})."
            continue
        gone = ~corrected["detected"] & plain.reindex(corrected.index)
        after = [
            f"{int(own.sum())} after {variant}"
            for variant, own in gone.groupby(corrected["variant"], sort=False)
            if own.any()
        ]
        if not after:
            yield (
                f"By the {label}, {n} can be detected without correction, and so after "
                f"every correction ({clips})."
            )
            continue
        yield (
            f"Of {n} that the {label} detects without correction, it does not detect "
            f"{words.listed(after)} ({clips}). That is no proof that none is left: "
            "with more clips the same measure detects smaller differences."
        )


def _clips(rows: pd.DataFrame) -> str:
    """Say how many clips of each dataset the values are of."""
    numbers = rows[["n_a", "n_b"]].to_numpy(int)
    least, most = numbers.min(), numbers.max()
    n = f"{least}" if least == most else f"{least} to {most}"
    return f"{n} clips of each dataset"


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
            most = "" if len(own) == 1 else "largest change: "
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
    said = f"{row.setting} {place}: {words.signed(row.change)} {span}"
    if row.verdict == inference.EQUIVALENT:  # which no p-value decides
        return said
    return f"{said}, corrected p = {words.p_value(row.p_holm)}".replace("= <", "<")
