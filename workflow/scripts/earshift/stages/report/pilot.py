"""What a finished run, as a pilot, says of a larger one: as text for `make plan`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import pandas as pd

from earshift import layout, registry
from earshift.errors import ConfigError, did_you_mean
from earshift.numerics import metrics, planning
from earshift.stages.report import final_tables, words
from earshift.tables import GAPS, SUMMARY, Table

#: Metric -> the gap or change that is to be found, unless another one is asked for.
SIZES: Mapping[str, float] = MappingProxyType(
    {"roc_auc": 0.02, "balanced_accuracy": 0.05}
)

#: Level of the tests, which are two-sided, and how likely they are to find an effect.
ALPHA, POWER = 0.05, 0.8

HEADS = ("tested", "gap", "needs", "change", "needs")

KEY = f"""\
tested: recordings of the test dataset in the pilot. gap, change: the smallest that they
find with a probability of {100 * POWER:.0f} %, by one two-sided test at {ALPHA:g}, not
corrected for the number of tests. needs: how many recordings of the test dataset find
the size in the heading, if those that train grow alike; enough: no more than the pilot
has. The gap is that of 'none', with equal training; the change is that from 'none',
across datasets, of the method for which it is known least."""

UNKNOWN = """\
- not known: no method is compared with 'none', nothing varies, or the tables are of an
earlier version."""

NO_PILOT = (
    "No pilot: run a part of the recordings; ARGS='--pilot ITS_RESULTS' then says how "
    "many detect what.\n"
)


def is_pilot(results: Path) -> bool:
    """Return True if a folder of results has the tables of a finished run."""
    return all(
        layout.path(results, table).is_file()
        for table in (layout.SUMMARY_TABLE, layout.GAP_TABLE)
    )


def sizes(asked: Sequence[str]) -> dict[str, float]:
    """Return the gap or change that is to be found, for each metric.

    Parameters
    ----------
    asked : sequence of str
        Such as ``"roc_auc=0.01"``, in the unit of the metric: added to `SIZES`, or in
        place of one of these.

    Returns
    -------
    dict of str to float
        Metric -> size.

    Raises
    ------
    ConfigError
        If there is no such metric, or the size is no number above 0.
    """
    known = [metric.name for metric in metrics.METRICS]
    out = dict(SIZES)
    for each in asked:
        name, _, size = each.partition("=")
        if name not in known:
            raise ConfigError(
                f"there is no metric '{name}' {did_you_mean(name, known)}"
            )
        try:
            out[name] = float(size)
        except ValueError:
            out[name] = float("nan")
        if not 0 < out[name] < float("inf"):
            raise ConfigError(
                f"what is to be detected is written as {name}=0.01, with a number "
                f"above 0, got '{each}'."
            )
    return out


def pilot_table(results: Path, wanted: Mapping[str, float]) -> str:
    """Return what a finished run could have detected, and what a larger one needs.

    Parameters
    ----------
    results : Path
        Folder of its results, of which `is_pilot` is true.
    wanted : mapping of str to float
        Metric -> the gap or change that is to be found, as `sizes` returns it.

    Returns
    -------
    str
        Lines: for each model, metric and direction the smallest gap and change, and
        the recordings that find those of `wanted`.
    """
    gaps, changes = (
        rows[rows["metric"].isin(wanted)]
        for rows in (_gaps(results), _changes(results))
    )
    lines = ["", words.line("What would be detected", HEADS)]
    for setting in final_tables.ordered(gaps["setting"]):
        for metric, size in wanted.items():
            label = metrics.metric(metric).label
            lines.append(f"  {setting}, {label}: to find {size:g}")
            own = gaps["setting"].eq(setting) & gaps["metric"].eq(metric)
            for _, gap in gaps[own].groupby(["train", "test"], sort=False):
                lines.append(_line(gap, changes, size))
    if gaps.empty:
        lines.append("  nothing: the pilot has no gap between datasets")
    if not all(len(rows) and rows["se"].gt(0).all() for rows in (gaps, changes)):
        lines.append(UNKNOWN)
    return "\n".join([*lines, KEY, "", f"Pilot: {results}", ""])


def _line(gap: pd.DataFrame, changes: pd.DataFrame, size: float) -> str:
    """Return the line of one gap, a table of one row, and of the changes there."""
    row = gap.iloc[0]
    here = changes[["setting", "metric", "train", "test"]]
    own = changes[here.eq(row[here.columns]).all(axis=1)]
    cells = [*_least_and_needed(gap, size), *_least_and_needed(own, size)]
    label = f"    {row['train']} -> {row['test']}"
    return words.line(label, [f"{row['n_recordings']:.0f}", *cells])


def _least_and_needed(rows: pd.DataFrame, size: float) -> tuple[str, str]:
    """Return the smallest effect that is found in all rows, and recordings needed."""
    known = rows[rows["se"].gt(0) & rows["n_recordings"].gt(0)]
    least, needed = [], []
    for se, df, n in known[["se", "df", "n_recordings"]].to_numpy(float):
        how = {"alpha": ALPHA, "power": POWER, "df": df}
        least.append(planning.smallest_detectable(se, **how))
        needed.append(planning.recordings_needed(se, int(n), size, **how))
    if not least:
        return "-", "-"
    if max(needed) <= known["n_recordings"].min():
        return f"{max(least):.3f}", "enough"
    count = words.rounded(max(needed)).replace("\N{NO-BREAK SPACE}", ",")
    return f"{max(least):.3f}", count


def _gaps(results: Path) -> pd.DataFrame:
    """Return the gaps without correction, with columns se and df.

    They are unknown where an earlier version wrote the table.
    """
    rows = _read(results, GAPS)
    rows = rows.reindex(columns=GAPS.names)[rows["method"].eq("none")]
    rows = rows.rename(columns={"gap_se": "se", "gap_df": "df"})
    return final_tables.named(rows, ())


def _changes(results: Path) -> pd.DataFrame:
    """Return changes across datasets, with columns se and df.

    Those of oracles, which know the labels of tested clips, are none to plan for.
    """
    rows = _read(results, SUMMARY)
    rows = rows[rows["reference"].eq("none") & rows["train"].ne(rows["test"])]
    rows = rows[rows["access"].ne(registry.ORACLE)]
    rows = rows.rename(columns={"change_se": "se", "change_df": "df"})
    return final_tables.named(rows, ())


def _read(results: Path, table: Table) -> pd.DataFrame:
    """Return the rows of a table, of the protocol that the report shows."""
    rows = table.read(layout.path(results, table.file))
    return final_tables.of_one_protocol(rows) if len(rows) else rows
