"""What the page says of the ISMIR 2023 study: protocols, deviations, what survives."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from earshift import layout
from earshift.numerics import inference
from earshift.stages.report import final_tables, words
from earshift.stages.report.final_tables import Tables
from earshift.stages.splits.selection import ALL_CORRECTED
from earshift.studies.ismir2023 import faults
from earshift.studies.ismir2023 import published as ismir2023
from earshift.studies.ismir2023 import tables as study_tables
from earshift.studies.ismir2023.numerics import METHODS

#: Verdicts, from the best to the worst.
VERDICTS = (
    inference.WORTH_IT,
    inference.UNSURE_GAIN,
    inference.EQUIVALENT,
    inference.NO_EFFECT,
    inference.UNSURE_LOSS,
    inference.HARMFUL,
)

#: One line of a table.
Row = Any


def describe_study(results: Path, config: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the section on the study shows.

    Parameters
    ----------
    results : Path
        Folder of the results.
    config : mapping
        The complete configuration.

    Returns
    -------
    dict
        `protocols` and `columns` (those, and what was published), `main` (model -> rows
        of the main table), `left_out` (a sentence, if methods are), `conclusions`,
        `verdicts` and `recovered` (sentences), `deviations` (rows with texts and
        effects), `weight` (a sentence on them, if there are any), `other_clips` (on
        their test clips) and `unmeasured` (further faults).
    """
    methods = config["methods"]
    by_protocol = {
        p: _as_study(final_tables.read(layout.path(results, layout.TABLES), p), methods)
        for p in final_tables.read(layout.path(results, layout.TABLES)).protocols
    }
    scores = study_tables.read_scores(results, methods)
    both = study_tables.with_published(scores, ismir2023.results())
    main = study_tables.main_table(both)
    effects = study_tables.deviation_table(
        study_tables.read_deviations(results, methods)
    )
    published = both[both["protocol"].eq(ismir2023.PUBLISHED)]
    return {
        "protocols": list(by_protocol),
        "columns": study_tables.protocols_of(main),
        "main": _by_model(main),
        "left_out": _left_out(config),
        "conclusions": list(_conclusions(by_protocol, published)),
        "verdicts": [s for tables in by_protocol.values() for s in _verdicts(tables)],
        "recovered": [s for tables in by_protocol.values() for s in _recovered(tables)],
        "deviations": [
            row | {"text": faults.describe(row["fault"]), "fewer": fewer}
            for row, fewer in zip(
                effects.to_dict("records"),
                study_tables.fewer_classes(effects),
                strict=True,
            )
        ],
        "weight": _weight(effects),
        "other_clips": faults.OTHER_CLIPS,
        "unmeasured": faults.UNMEASURED,
    }


def _as_study(tables: Tables, methods: ismir2023.Methods) -> Tables:
    """Return the tables with the study's names of methods; variants keep theirs."""
    kernel, summary = (
        ismir2023.by_plugin(table, methods) for table in (tables.kernel, tables.summary)
    )
    return replace(tables, kernel=kernel, summary=summary)


def _by_model(main: pd.DataFrame) -> dict[str, list[dict[str, Any]]]:
    first = main["scope"].iloc[0]
    main = main[main["method"].ne("none") | main["scope"].eq(first)]
    setting = study_tables.settings(main)
    return {
        str(name): [{str(k): v for k, v in row.items()} for row in part]
        for name, part in (
            (name, main[setting.eq(name)].to_dict("records"))
            for name in final_tables.ordered(setting)
        )
    }


def _left_out(config: Mapping[str, Any]) -> str:
    """Name the methods of the experiment that the published code has not."""
    entries = config["methods"].items()
    missing = [name for name, entry in entries if entry["plugin"] not in METHODS]
    if not missing or "paper" not in config["protocols"]:
        return ""
    return (
        f"The protocol paper leaves out {words.listed(missing)}: the published code "
        "has no such method."
    )


def _verdicts(tables: Tables) -> Iterator[str]:
    """Count the verdicts of all corrections across datasets, by what they change."""
    plain = tables.summary[tables.summary["variant"].ne("none")]
    references = ((plain, "no correction"), (tables.kernel, "the kernel alone"))
    for changed, what in references:
        across = changed[changed["train"].ne(changed["test"])]
        counts = across["verdict"].value_counts()
        parts = [f"{counts[v]} {v}" for v in VERDICTS if v in counts]
        if parts:
            n = words.count(len(across), "comparison")
            yield (
                f"Protocol {tables.protocol}, across datasets, against {what}: {n}, of "
                f"which {words.listed(parts)}."
            )


def _recovered(tables: Tables) -> Iterator[str]:
    """Return whether a correction recovers part of the gap of a model and direction."""
    plain = tables.gaps[tables.gaps["variant"].eq("none")]
    changed = tables.summary[tables.summary["variant"].ne("none")]
    if changed.empty:
        return
    row: Row
    for row in plain.itertuples():
        corrections = changed[
            changed["setting"].eq(row.setting)
            & changed["train"].eq(row.train)
            & changed["test"].eq(row.test)
        ]
        place = (
            f"Protocol {tables.protocol}, {row.setting}, trained on {row.train} and "
            f"tested on {row.test}"
        )
        # Of all training clips, as the changes are.
        span = words.interval(row.gap_all_low, row.gap_all_high, 3)
        gap = f"{words.number(row.gap_all, 3)} {span}"
        sure = corrections[corrections["change_low"] > 0]
        if not row.gap_all_low > 0:
            yield f"{place}: no detectable gap ({gap}), so there is none to recover."
        elif sure.empty:
            yield (
                f"{place}: no correction recovers a part of the gap of {gap} with an "
                "interval that excludes zero."
            )
        else:
            most = _most(sure, row.gap_all, len(corrections))
            yield f"{place}: {most} the gap of {gap}."


def _most(sure: pd.DataFrame, gap: float, n: int) -> str:
    """Name the correction that recovers most, of those with an interval above zero."""
    top = sure.loc[sure["change"].idxmax()]
    span = words.signed_interval(top["change_low"], top["change_high"])
    n_corrected = int((sure["p_holm"] < 0.05).sum())
    return (
        f"{len(sure)} of {words.count(n, 'correction')} gain with an interval that "
        f"excludes zero, {n_corrected} of them with a corrected p below 0.05; "
        f"{top['variant']} gains most, {words.signed(top['change'])} {span}, which is "
        f"{100 * top['change'] / gap:.0f}\N{NO-BREAK SPACE}% of"
    )


def _weight(effects: pd.DataFrame) -> str:
    """Say which fault alone changes results across datasets most."""
    together = effects["fault"].eq(ALL_CORRECTED)
    single = effects[~together & effects["fault"].ne(faults.ADDED)]
    single = single.dropna(subset=["across"])
    if single.empty:
        return ""
    top = single.loc[single["across"].abs().idxmax()]
    title = faults.describe(top["fault"]).title
    text = (
        f"Of {words.count(len(single), 'fault')} corrected alone, "
        f"\N{LEFT DOUBLE QUOTATION MARK}{title}\N{RIGHT DOUBLE QUOTATION MARK} changes "
        f"the mean across datasets of the cells it touches most, by "
        f"{words.signed(top['across'], 2)} points"
    )
    whole = effects[together]
    if whole.empty:
        return f"{text}."
    across = words.signed(whole["across"].iloc[0], 2)
    return f"{text}; all corrected together change that of all cells by {across}."


@dataclass(frozen=True)
class Count:
    """In how many cells a claim holds.

    Parameters
    ----------
    cells, up, down : int
        Cells; those where a gain (a gap) was detected, and those with the opposite.
    mean : float
        Mean over the cells, in points.
    """

    cells: int
    up: int
    down: int
    mean: float


def _conclusions(
    by_protocol: Mapping[str, Tables], published: pd.DataFrame
) -> Iterator[str]:
    """Say of each published conclusion whether it survives."""
    for claim, (ours, theirs, unit) in CLAIMS.items():
        counts = {f"protocol {p}": ours(tables) for p, tables in by_protocol.items()}
        counts = {where: count for where, count in counts.items() if count.cells}
        if not counts:
            continue
        fixed = counts.get("protocol fixed")
        if len(published):
            counts = {"as published": theirs(published)} | counts
        parts = [_counted(where, count, unit) for where, count in counts.items()]
        yield f"{claim}: {'; '.join(parts)}.{_survives(fixed) if fixed else ''}"


def _counted(where: str, count: Count, unit: str) -> str:
    opposite = f", the opposite in {count.down}" if count.down else ""
    return (
        f"{where}, a mean {unit} of {words.signed(count.mean, 2)} points, detected in "
        f"{count.up} of {words.count(count.cells, 'cell')}{opposite}"
    )


def _survives(count: Count) -> str:
    if count.up == count.cells:
        return " It survives the correction of all faults, in every cell."
    opposite = f", and {count.down} the opposite" if count.down else ""
    shown = f"{count.up or 'none'} of {count.cells} cells show it{opposite}"
    return f" Once all faults are corrected, {shown}."


def _gap_ours(tables: Tables) -> Count:
    plain = tables.gaps[tables.gaps["variant"].eq("none")]
    sure = plain["p_holm"] < 0.05
    up, down = sure & (plain["gap"] > 0), sure & (plain["gap"] < 0)
    return Count(len(plain), int(up.sum()), int(down.sum()), 100 * plain["gap"].mean())


def _change_ours(tables: Tables) -> Count:
    return _detected(tables.summary[tables.summary["variant"].ne("none")])


def _kernel_ours(tables: Tables) -> Count:
    kernel = tables.kernel
    return _detected(
        kernel[kernel["method"].eq("klda") & kernel["scope"].eq("classwise")]
    )


def _detected(changed: pd.DataFrame) -> Count:
    """Count detected changes across datasets, however small."""
    across = changed[changed["train"].ne(changed["test"])]
    sure = across["p_holm"] < 0.05
    up, down = sure & (across["change_low"] > 0), sure & (across["change_high"] < 0)
    mean = 100 * across["change"].mean()
    return Count(len(across), int(up.sum()), int(down.sum()), mean)


def _gap_theirs(published: pd.DataFrame) -> Count:
    plain = published[published["method"].eq("none")]
    plain = plain[plain["scope"].eq(plain["scope"].iloc[0])]
    keys = ["model", "test", "class"]
    within = plain[plain["train"].eq(plain["test"])].set_index(keys)["roc_auc"]
    across = plain[plain["train"].ne(plain["test"])]
    across = across.join(within.rename("within"), on=keys)
    across["gap"] = 100 * (across["within"] - across["roc_auc"])
    cells = across.groupby(["model", "test"])["gap"]
    p_values = cells.apply(lambda gap: inference.paired_t(gap.to_numpy(float))[1])
    means = pd.DataFrame({"change": cells.mean(), "p_value": p_values})
    means["p_holm"] = inference.holm(means["p_value"].to_numpy(float))
    return _tested(means)


def _change_theirs(published: pd.DataFrame) -> Count:
    tests = study_tables.paired_tests(published)
    # What corrects nothing has the same numbers in both scopes, and counts once.
    corrects = pd.Series([METHODS[m].lda for m in tests["method"]], dtype=bool)
    return _tested(tests[corrects | tests["scope"].eq(published["scope"].iloc[0])])


def _kernel_theirs(published: pd.DataFrame) -> Count:
    tests = study_tables.paired_tests(published, "k")
    return _tested(tests[tests["method"].eq("klda") & tests["scope"].eq("classwise")])


def _tested(tests: pd.DataFrame) -> Count:
    """Count changes that a paired t-test finds, corrected for the number of cells."""
    sure = tests["p_holm"] < 0.05
    up, down = sure & (tests["change"] > 0), sure & (tests["change"] < 0)
    mean = float(tests["change"].mean())
    return Count(len(tests), int(up.sum()), int(down.sum()), mean)


#: Published conclusion -> how it is counted in our tables and in the published ones,
#: and what is counted.
CLAIMS: Mapping[
    str, tuple[Callable[[Tables], Count], Callable[[pd.DataFrame], Count], str]
] = {
    "Classifiers lose ROC-AUC across datasets": (_gap_ours, _gap_theirs, "gap"),
    "Corrections and kernel features raise ROC-AUC across datasets": (
        _change_ours,
        _change_theirs,
        "change",
    ),
    "Per-class KLDA raises what its kernel alone gives": (
        _kernel_ours,
        _kernel_theirs,
        "change",
    ),
}
