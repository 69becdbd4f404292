"""Stage 8, report: the figure of scores by the number of labelled clips."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, NullLocator, ScalarFormatter

from earshift.numerics import metrics
from earshift.stages.report import final_tables
from earshift.stages.report.figures import style
from earshift.tables import LABEL_CURVES, SUMMARY

#: Metrics that are drawn: of ranks, and of decisions.
DRAWN = ("roc_auc", "balanced_accuracy")

#: What a value within a dataset is of.
_PLACE = ("protocol", "model", "condition", "metric")

#: Height of a row of axes.
ROW_IN = 2.2


def draw_label_curves(curves: Path, summary: Path, svg: Path) -> None:
    """Draw the curves of a table, as SVG and PNG.

    Parameters
    ----------
    curves, summary : Path
        The tables `tables.LABEL_CURVES` and `tables.SUMMARY`.
    svg : Path
        File to write; the PNG goes beside it.
    """
    figure = label_curves(LABEL_CURVES.read(curves), SUMMARY.read(summary))
    style.save(figure, svg)


def label_curves(table: pd.DataFrame, summary: pd.DataFrame) -> Figure:
    """Draw mean metrics by the number of labelled clips of the test dataset.

    Parameters
    ----------
    table : DataFrame
        Columns of `tables.LABEL_CURVES`.
    summary : DataFrame
        Columns of `tables.SUMMARY`, for what the test datasets themselves reach.

    Returns
    -------
    Figure
        A row of axes per model, condition and metric, and a column per direction, with
        a line per method, way and choice.
    """
    table = table[table["metric"].isin(DRAWN)].dropna(subset=["value"])
    table = final_tables.named(table, ())
    table = table.assign(
        direction=table["train"] + " \N{RIGHTWARDS ARROW} " + table["test"],
        kind=table["way"] + ", " + table["choice"],
    )
    table = table.merge(_within(summary), "left", on=[*_PLACE, "train", "test"])
    settings = final_tables.ordered(table["setting"])
    directions = final_tables.ordered(table["direction"])
    rows = [(setting, metric) for setting in settings for metric in DRAWN]
    with mpl.rc_context(style.STYLE | {"axes.spines.left": True}):
        figure = Figure(
            figsize=(style.WIDTH_IN, 0.8 + ROW_IN * max(1, len(rows))),
            layout="constrained",
        )
        if table.empty:
            return figure
        axes = figure.subplots(
            len(rows), len(directions), sharex=True, sharey="row", squeeze=False
        )
        looks = _looks(table)
        for i, (setting, metric) in enumerate(rows):
            label = metrics.metric(metric).label
            for j, direction in enumerate(directions):
                here = table["setting"].eq(setting) & table["metric"].eq(metric)
                _draw(axes[i, j], table[here & table["direction"].eq(direction)], looks)
                axes[i, j].set_title(f"{direction}\n{setting}", loc="left")
            axes[i, 0].set_ylabel(f"mean {label}")
        _scale(axes[0, 0], sorted(table["n_labels"].unique()))
        figure.supxlabel("labelled clips per class of the test dataset", fontsize=9)
        marks = [
            Line2D([], [], label=name, marker="o", ms=4, **look)
            for name, look in looks.items()
        ]
        style.legend(figure, marks)
    return figure


def _within(summary: pd.DataFrame) -> pd.DataFrame:
    """Return what each test dataset reaches by itself, for each training dataset."""
    plain = summary["method"].eq("none") & summary["reference"].fillna("").eq("")
    own = summary[plain & summary["train"].eq(summary["test"])]
    pairs = own.assign(train=own["partner"])[[*_PLACE, "train", "test", "value"]]
    return pairs.drop_duplicates(pairs.columns[:-1]).rename(columns={"value": "within"})


def _looks(table: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Return how each method, way and choice is drawn: colour, then dashes."""
    methods = final_tables.ordered(table["method"])
    kinds = final_tables.ordered(table["kind"])
    return {
        name if len(kinds) == 1 else f"{name} ({kind})": {
            "color": style.COLOURS[i % len(style.COLOURS)],
            "ls": style.DASHES[k % len(style.DASHES)],
        }
        for i, name in enumerate(methods)
        for k, kind in enumerate(kinds)
    }


def _draw(ax: Axes, rows: pd.DataFrame, looks: dict[str, dict[str, Any]]) -> None:
    """Draw the lines of one direction, each with its band."""
    for (name, kind), own in rows.groupby(["method", "kind"], sort=False):
        own = own.sort_values("n_labels")
        look = looks.get(str(name)) or looks[f"{name} ({kind})"]
        band = own[["low", "high"]].to_numpy(float).T
        ax.fill_between(own["n_labels"], *band, color=look["color"], alpha=0.12, lw=0)
        ax.plot(own["n_labels"], own["value"], marker="o", ms=4, lw=1.3, **look)
    for within in rows["within"].dropna().unique()[:1]:
        ax.axhline(within, color=style.GREY, lw=0.9, ls=(0, (4, 3)))
    ax.grid(color="#E6E6E6", lw=0.6)
    ax.set_axisbelow(True)


def _scale(ax: Axes, numbers: list[int]) -> None:
    """Give the first labels as much room as the later ones."""
    ax.set_xscale("symlog", base=2, linthresh=1, linscale=0.7)
    ax.set_xlim(left=-0.25)
    ax.xaxis.set_major_locator(FixedLocator(numbers))
    ax.xaxis.set_major_formatter(ScalarFormatter())
    ax.xaxis.set_minor_locator(NullLocator())
