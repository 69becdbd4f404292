"""Turn the final tables into sentences that say no more than the numbers do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from earshift.numerics import inference, metrics, planning
from earshift.numerics.inference import NO_EFFECT
from earshift.stages.report import words
from earshift.stages.report.final_tables import Tables
from earshift.stages.report.measured import COUNTS, counted
from earshift.stages.report.sections import Findings, gap_findings
from earshift.stages.report.sections.gap_findings import corrected_p
from earshift.stages.statistics.summary import Options

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


def findings(found: Tables, options: Options) -> list[Findings]:
    """Return what the tables say, in words.

    Parameters
    ----------
    found : Tables
        The final tables.
    options : Options
        Those of the statistics.

    Returns
    -------
    list of Findings
        Only on questions that have an answer.
    """
    alpha = options.alpha
    answers: dict[str, Iterator[str]] = {
        "How well do classifiers carry over from dataset to dataset?": (
            gap_findings.gaps(found, alpha)
        ),
        "How do models and classes differ?": (
            gap_findings.models_and_classes(found, alpha)
        ),
        "How different are the datasets?": _differences(found),
        "What do the corrections do?": _corrections(found, options),
    }
    told = [Findings(heading, list(said)) for heading, said in answers.items()]
    return [each for each in told if each.sentences]


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


def _corrections(found: Tables, options: Options) -> Iterator[str]:
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
        first, *more = [*sentences, *_what_is_left(found, variant, options.alpha)]
        more = [sentence[0].upper() + sentence[1:] for sentence in more]
        yield " ".join([f"{variant} ({own['access'].iloc[0]}): {first}", *more])
    yield from _needed(found, options)
    yield from _erased(found)


def _needed(found: Tables, options: Options) -> Iterator[str]:
    """Say how many recordings a change takes that is just large enough to matter.

    The median over comparisons in which nothing is detected, for each test dataset.
    """
    region = options.region(metrics.metric("roc_auc"))
    quiet = found.summary[found.summary["verdict"].eq(NO_EFFECT)]
    quiet = quiet[quiet["change_se"].gt(0) & quiet["n_recordings"].gt(0)]
    if quiet.empty or not region > 0:
        return
    needed = [
        planning.recordings_needed(se, n, region, alpha=options.alpha, df=df)
        for se, n, df in quiet[["change_se", "n_recordings", "change_df"]].to_numpy()
    ]
    by_test = quiet.assign(needed=needed).groupby("test", sort=False)
    said = [
        f"about {words.rounded(rows['needed'].median())} recordings of {test}, where "
        f"{int(rows['n_recordings'].max())} tested"
        for test, rows in by_test
    ]
    yield (
        f"Where no effect is detected, a change of mean ROC-AUC of "
        f"{words.number(region, 3)} would be found with a probability of "
        f"80\N{NO-BREAK SPACE}% with {words.listed(said)}, if those that train grow "
        f"alike: medians over {words.count(len(quiet), 'comparison')}, each taken "
        f"alone."
    )


def _what_is_left(found: Tables, variant: str, alpha: float) -> Iterator[str]:
    """Say which gaps are detected no more with a method, and which only with it.

    All are gaps to the classifier within the test dataset that is *not* corrected, and
    of training sets of equal size, as are gains. A gap counts as closed if it was
    detected without the method, the corrected classifier gains across, and what remains
    is not detected.
    """
    cell = ["setting", "train", "test"]
    gaps = found.gaps[found.gaps["variant"].eq(variant)].set_index(cell)
    before = found.gaps[found.gaps["variant"].eq("none")].set_index(cell)
    if gaps.empty:
        return
    was = (before["gap"].gt(0) & before["p_holm"].lt(alpha)).reindex(gaps.index)
    gains = gaps["gain"].gt(0) & gaps["p_gain_holm"].lt(alpha)
    remains = gaps["remaining"].gt(0) & gaps["p_remaining_holm"].lt(alpha)
    closed = was & gains & ~remains
    if was.any():
        n, n_closed = int(was.sum()), int(closed.sum())
        verb = "is" if n_closed == 1 else "are"
        done = f"{n_closed} {verb} not detected with it, while it gains across"
        yield (
            f"Of {words.count(n, 'gap')} detected without it, "
            f"{done if n_closed else 'it closes none'}; what remains of "
            f"{'it' if n == 1 else 'them'} is {_span(gaps[was])}."
        )
        yield from _won_back(gaps[was])
    else:
        yield "No gap was detected without it, so there is none to close."
    opened = gaps[~was & remains]
    if len(opened):
        yield (
            f"In {words.count(len(opened), 'comparison')} a gap is detected with it "
            f"that was not without it: {_span(opened)}."
        )


def _won_back(gaps: pd.DataFrame) -> Iterator[str]:
    """Say which share of the gaps is won back: the least and the most that is known."""
    known = gaps.dropna(subset=["recovered_low", "recovered_high"])
    if known.empty:
        return
    ordered = known.sort_values("recovered", kind="stable")
    ends = ordered.iloc[[0, -1]] if len(ordered) > 1 else ordered
    columns = ["recovered", "recovered_low", "recovered_high"]
    said = [words.share(*values) for values in ends[columns].to_numpy()]
    yield f"It wins back {' to '.join(said)} of what is lost without it."


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
    """Return a change with the interval at the level of its corrected p-value."""
    place = (
        f"within {row.test}"
        if row.train == row.test
        else f"trained on {row.train}, tested on {row.test}"
    )
    span = words.signed_interval(row.change_low_holm, row.change_high_holm)
    said = f"{row.setting} {place}: {words.signed(row.change)} {span}"
    if row.verdict == inference.EQUIVALENT:
        return f"{said}, equivalence: {corrected_p(row.p_equivalent_holm)}"
    return f"{said}, {corrected_p(row.p_holm)}"
