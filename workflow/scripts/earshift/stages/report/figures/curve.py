"""Stage 8, report: the figure of measures by the number of clips."""

from __future__ import annotations

import math
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullLocator

from earshift.stages.report import final_tables
from earshift.stages.report.figures import style
from earshift.stages.report.final_tables import Tables

#: Axes beside one another at most, and the height of a row of them.
WIDE = 4
ROW_IN = 2.1


def curve(found: Tables) -> Figure:
    """Draw each measure that scores clips by the number of clips, without correction.

    Parameters
    ----------
    found : Tables
        The final tables, read with the measures.

    Returns
    -------
    Figure
        One axes per measure and model, with a line per pair of datasets, and marks for
        two halves of each dataset; an empty figure if no measure scores clips.
    """
    table = found.curve.dropna(subset=["value"])
    table = table.assign(pair=table["a"] + ", " + table["b"])
    panels = table[["measure", "setting"]].drop_duplicates().to_numpy(str).tolist()
    wide = max(1, min(WIDE, len(panels)))
    high = max(1, math.ceil(len(panels) / wide))
    looks = style.looks(final_tables.ordered(table["pair"]))
    with mpl.rc_context(style.STYLE | {"axes.spines.left": True}):
        figure = Figure(
            figsize=(style.WIDTH_IN, 0.8 + ROW_IN * high), layout="constrained"
        )
        if not panels:
            return figure
        axes = figure.subplots(high, wide, sharey=True, squeeze=False).ravel()
        for ax, (measure, setting) in zip(axes, panels, strict=False):
            own, halves = (
                rows[rows["measure"].eq(measure) & rows["setting"].eq(setting)]
                for rows in (table, found.halves.dropna(subset=["value"]))
            )
            _draw(ax, own, halves, looks)
            ax.set_title(f"{own['label'].iloc[0]}\n{setting}", loc="left")
        for ax in axes[len(panels) :]:
            ax.set_visible(False)
        figure.supxlabel("clips of each dataset", fontsize=9)
        marks = [Line2D([], [], label=name, **look) for name, look in looks]
        marks.append(style.mark("two halves of one dataset", style.GREY, "white"))
        style.legend(figure, marks)
    return figure


def _draw(
    ax: Axes,
    curves: pd.DataFrame,
    halves: pd.DataFrame,
    looks: list[tuple[str, dict[str, Any]]],
) -> None:
    """Draw the lines of all pairs with their bands, and the marks of the halves."""
    ax.axhline(curves["expected"].iloc[0], color=style.GREY, lw=0.8, ls=(0, (4, 3)))
    for name, look in looks:
        own = curves[curves["pair"].eq(name)]
        band = own[["low", "high"]].to_numpy(float).T
        ax.fill_between(own["n"], *band, color=look["color"], alpha=0.18, lw=0)
        ax.plot(own["n"], own["value"], marker="o", ms=3.5, lw=1.3, **look)
    for _, row in halves.iterrows():
        ax.plot([row["n"]] * 2, [row["low"], row["high"]], color=style.GREY, lw=0.8)
        ax.plot([row["n"]], [row["value"]], "o", color=style.GREY, mfc="white", ms=4)
    ticks = sorted(set(curves["n"]))
    ax.set_xscale("log")
    ax.set_xticks(ticks, [str(n) for n in ticks])
    ax.xaxis.set_minor_locator(NullLocator())
    ax.grid(color="#E6E6E6", lw=0.6)
    ax.set_axisbelow(True)
