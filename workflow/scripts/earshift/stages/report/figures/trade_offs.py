"""Stage 8, report: the figure of what corrections gain across and cost within."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from earshift.stages.report import final_tables
from earshift.stages.report.figures import style
from earshift.stages.report.final_tables import Tables

#: Height of a row of axes.
ROW_IN = 2.6


def trade_offs(found: Tables) -> Figure:
    """Draw what each correction changes across against what it changes within.

    Parameters
    ----------
    found : Tables
        The final tables.

    Returns
    -------
    Figure
        A row of axes per model and a column per direction, with a mark per correction,
        filled if no other one beats it, and the lines of both intervals; an empty
        figure if there is no correction.
    """
    card = found.scorecard.dropna(subset=["roc_auc_change", "roc_auc_within"])
    settings = final_tables.ordered(card["setting"])
    directions = list(dict.fromkeys(zip(card["train"], card["test"], strict=True)))
    with mpl.rc_context(style.STYLE | {"axes.spines.left": True}):
        figure = Figure(
            figsize=(style.WIDTH_IN, 0.8 + ROW_IN * max(1, len(settings))),
            layout="constrained",
        )
        if card.empty:
            return figure
        looks = dict(style.looks(final_tables.ordered(card["variant"])))
        axes = figure.subplots(
            *(len(settings), len(directions)), sharex=True, sharey=True, squeeze=False
        )
        for i, setting in enumerate(settings):
            for j, (train, test) in enumerate(directions):
                here = card["setting"].eq(setting) & card["train"].eq(train)
                ax = axes[i, j]
                _draw(ax, card[here & card["test"].eq(test)], looks)
                arrow = "\N{RIGHTWARDS ARROW}"
                ax.set_title(f"{train} {arrow} {test}\n{setting}", loc="left")
        figure.supxlabel("change of mean ROC-AUC within", fontsize=9)
        figure.supylabel("change of mean ROC-AUC across", fontsize=9)
        marks = [
            Line2D([], [], label=name, marker="o", ms=5, ls="", color=look["color"])
            for name, look in looks.items()
        ]
        marks.append(style.mark("unbeaten", style.GREY, style.GREY))
        marks.append(style.mark("beaten by another", style.GREY, "white"))
        style.legend(figure, marks)
    return figure


def _draw(ax: Axes, rows: pd.DataFrame, looks: Mapping[str, Mapping[str, Any]]) -> None:
    """Draw the corrections of one direction; lines stand where nothing changes."""
    ax.axhline(0, color=style.GREY, lw=0.8, ls=(0, (4, 3)))
    ax.axvline(0, color=style.GREY, lw=0.8, ls=(0, (4, 3)))
    for _, row in rows.iterrows():
        colour = looks[row["variant"]]["color"]
        x, y = row["roc_auc_within"], row["roc_auc_change"]
        width = [row["roc_auc_within_low"], row["roc_auc_within_high"]]
        height = [row["roc_auc_change_low"], row["roc_auc_change_high"]]
        ax.plot(width, [y, y], color=colour, lw=1.1, alpha=0.7)
        ax.plot([x, x], height, color=colour, lw=1.1, alpha=0.7)
        fill = colour if row["unbeaten"] else "white"
        ax.plot([x], [y], "o", color=colour, mfc=fill, ms=6)
    ax.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
    ax.grid(color="#E6E6E6", lw=0.6)
    ax.set_axisbelow(True)
