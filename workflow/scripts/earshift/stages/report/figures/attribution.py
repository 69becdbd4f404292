"""Stage 8, report: the figure of what tells the datasets apart."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from earshift.stages.report import final_tables
from earshift.stages.report.figures import style
from earshift.stages.report.final_tables import Tables
from earshift.stages.report.measured import domain_auc


def attribution(found: Tables) -> Figure:
    """Draw how well the datasets are told apart by each model, and after each method.

    Parameters
    ----------
    found : Tables
        The final tables, read with the measures.

    Returns
    -------
    Figure
        A column of axes per pair of datasets, with a line per model: a mark without
        method and its interval, one for each method, and one for halves of a dataset.
    """
    table = domain_auc(found.discrepancy)
    halves = domain_auc(found.halves)
    pairs = {(a, b): f"{a}, {b}" for a, b in zip(table["a"], table["b"], strict=True)}
    with mpl.rc_context(style.STYLE):
        if table.empty:
            return Figure(figsize=(style.WIDTH_IN, 1))
        settings = found.settings[::-1]
        variants = final_tables.ordered(
            table["variant"].loc[table["variant"] != "none"]
        )
        looks = dict(style.looks(variants))
        figure, axes = style.grid({"": ""}, pairs, len(settings))
        for (_, pair), ax in axes.items():
            style.label_lines(ax, settings)
            ax.axvline(0.5, color=style.GREY, lw=0.8, ls=(0, (4, 3)))
            own = table[table["a"].eq(pair[0]) & table["b"].eq(pair[1])]
            for y, setting in enumerate(settings):
                rows = own[own["setting"].eq(setting)].to_dict("records")
                _draw(ax, y, rows, looks)
                same = halves["setting"].eq(setting) & halves["dataset"].isin(pair)
                for value in halves.loc[same, "value"]:
                    ax.plot([value], [y], "|", color=style.GREY, ms=9)
        label = f"{table['label'].iloc[0]} (dashed: equal datasets)"
        figure.supxlabel(label, fontsize=9)
        marks = [style.mark("before (no correction)", style.BLACK, style.BLACK)]
        marks += [style.mark(v, look["color"], "white") for v, look in looks.items()]
        marks.append(style.mark("two halves of one dataset", style.GREY, "none", "|"))
        style.legend(figure, marks)
    return figure


def _draw(
    ax: Axes,
    y: int,
    rows: list[dict[str, Any]],
    looks: Mapping[str, Mapping[str, Any]],
) -> None:
    """Draw the values of one model: intervals of that without method alone."""
    for row in rows:
        if row["variant"] == "none":
            ax.plot([row["low"], row["high"]], [y, y], color=style.BLACK, lw=1.2)
            ax.plot([row["value"]], [y], "o", color=style.BLACK, ms=5.5)
        else:
            colour = looks[row["variant"]]["color"]
            ax.plot([row["value"]], [y], "o", color=colour, mfc="none", ms=5)
