"""What the page says of the ISMIR 2023 study: conclusions, protocols, deviations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from earshift import layout
from earshift.evaluation.samples import ALL, EQUAL
from earshift.numerics import inference
from earshift.stages.report import final_tables, words
from earshift.stages.report.final_tables import Tables
from earshift.stages.splits.selection import ALL_CORRECTED
from earshift.studies.ismir2023 import conclusions, faults
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
        `verdicts` and `recovered` (sentences), `alpha` (below which a p-value is
        called detected), `deviations` (rows with texts and effects), `weight` (a
        sentence on them, if there are any), `other_clips` (on their test clips) and
        `unmeasured` (further faults).
    """
    methods = config["methods"]
    by_protocol = {
        p: _as_study(final_tables.read(layout.path(results, layout.TABLES), p), methods)
        for p in final_tables.read(layout.path(results, layout.TABLES)).protocols
    }
    scores = study_tables.read_scores(results, methods, (ALL, EQUAL))
    both = study_tables.with_published(scores, ismir2023.results())
    main = study_tables.main_table(both[both["sample"].ne(EQUAL)])
    effects = study_tables.deviation_table(
        study_tables.read_deviations(results, methods)
    )
    alpha = 1 - config["statistics"]["confidence"]
    return {
        "protocols": list(by_protocol),
        "columns": study_tables.protocols_of(main),
        "main": _by_model(main),
        "left_out": _left_out(config),
        "conclusions": list(conclusions.describe(both, alpha)),
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
        "alpha": alpha,
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
    plain = tables.gaps["variant"].eq("none")
    changed = tables.gaps[~plain]
    if changed.empty:
        return
    row: Row
    for row in tables.gaps[plain].itertuples():
        corrections = changed[
            changed["setting"].eq(row.setting)
            & changed["train"].eq(row.train)
            & changed["test"].eq(row.test)
        ]
        place = (
            f"Protocol {tables.protocol}, {row.setting}, trained on {row.train} and "
            f"tested on {row.test}"
        )
        span = words.interval(row.gap_low, row.gap_high, 3)
        gap = f"{words.number(row.gap, 3)} {span}"
        sure = corrections[corrections["recovered_low"] > 0]
        if not row.gap_low > 0:
            yield f"{place}: no detectable gap ({gap}), so there is none to recover."
        elif sure.empty:
            yield (
                f"{place}: no correction is detected to recover a part of the gap of "
                f"{gap}{_closest(corrections)}."
            )
        else:
            yield (
                f"{place}: {len(sure)} of {words.count(len(corrections), 'correction')}"
                " recover a part with an interval that excludes zero; "
                f"{_most(sure, 'recovers most')} of the gap of {gap}."
            )


def _closest(corrections: pd.DataFrame) -> str:
    known = corrections.dropna(subset=["recovered"])
    return "" if known.empty else f"; {_most(known, 'has the largest share')}"


def _most(corrections: pd.DataFrame, what: str) -> str:
    """Name the correction that recovers most, and the share, with its interval."""
    top = corrections.loc[corrections["recovered"].idxmax()]
    low, high = (100 * top[f"recovered_{end}"] for end in ("low", "high"))
    share = words.signed(100 * top["recovered"], 0)
    return (
        f"{top['variant']} {what}, {share}\N{NO-BREAK SPACE}% "
        f"{words.signed_interval(low, high, 0)}"
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
