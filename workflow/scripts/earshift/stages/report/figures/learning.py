"""Stage 8, report: the figure of scores by the number of recordings that train."""

from __future__ import annotations

from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullLocator, ScalarFormatter

from earshift.stages.report import final_tables
from earshift.stages.report.figures import style
from earshift.stages.report.final_tables import Tables

#: Height of a row of axes.
ROW_IN = 2.1


def learning_curves(found: Tables) -> Figure:
    """Draw the mean ROC-AUC by the number of training recordings, without correction.

    Parameters
    ----------
    found : Tables
        The final tables.

    Returns
    -------
    Figure
        A row of axes per model and a column per test dataset, with a line per training
        dataset; an empty figure if no curve was measured.
    """
    table = found.learning_curves
    table = table[table["metric"].eq("roc_auc")].dropna(subset=["value"])
    tests = final_tables.ordered(table["test"])
    settings = final_tables.ordered(table["setting"])
    with mpl.rc_context(style.STYLE | {"axes.spines.left": True}):
        figure = Figure(
            figsize=(style.WIDTH_IN, 0.8 + ROW_IN * max(1, len(settings))),
            layout="constrained",
        )
        if table.empty:
            return figure
        looks = dict(style.looks(final_tables.ordered(table["train"])))
        axes = figure.subplots(
            len(settings), len(tests), sharex=True, sharey=True, squeeze=False
        )
        for i, setting in enumerate(settings):
            for j, test in enumerate(tests):
                here = table["setting"].eq(setting) & table["test"].eq(test)
                _draw(axes[i, j], table[here], looks)
                axes[i, j].set_title(f"tested on {test}\n{setting}", loc="left")
        _scale(axes[0, 0])
        figure.supxlabel("recordings that train (dashed: chance)", fontsize=9)
        figure.supylabel("mean ROC-AUC", fontsize=9)
        marks = [
            Line2D([], [], label=f"trained on {name}", **look)
            for name, look in looks.items()
        ]
        marks.append(style.mark("within", style.GREY, style.GREY))
        marks.append(style.mark("across", style.GREY, "white"))
        style.legend(figure, marks)
    return figure


def _draw(ax: Axes, curves: pd.DataFrame, looks: dict[str, dict[str, Any]]) -> None:
    """Draw the line of each training dataset with its band; within has full marks."""
    ax.axhline(0.5, color=style.GREY, lw=0.8, ls=(0, (4, 3)))
    for (train, test), own in curves.groupby(["train", "test"], sort=False):
        own = own.sort_values("n_train_recordings")
        look = looks[str(train)]
        n = own["n_train_recordings"]
        band = own[["low", "high"]].to_numpy(float).T
        ax.fill_between(n, *band, color=look["color"], alpha=0.15, lw=0)
        fill = look["color"] if train == test else "white"
        ax.plot(n, own["value"], marker="o", ms=4, lw=1.3, mfc=fill, **look)
    ax.grid(color="#E6E6E6", lw=0.6)
    ax.set_axisbelow(True)


def _scale(ax: Axes) -> None:
    """Make the number of recordings double from tick to tick."""
    ax.set_xscale("log", base=2)
    ax.xaxis.set_major_formatter(ScalarFormatter())
    ax.xaxis.set_minor_locator(NullLocator())
