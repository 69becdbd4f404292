"""Stage 8, report: the figure of the parts that each gap is the sum of."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from earshift.evaluation.decomposition import metric_of
from earshift.stages.report import final_tables, words
from earshift.stages.report.figures import style
from earshift.stages.report.gap_parts import means
from earshift.tables import DECOMPOSITION

#: Term of a gap -> colour of its bar.
COLOURS = {
    "gap": style.GREY,
    "less_data": style.SKY,
    "removed": style.GREEN,
    "removed_by_labels": style.BLUE,
    "left": style.VERMILION,
}

#: Opacity of a bar whose interval, or that of its gap, holds 0.
PALE = 0.3


def draw_parts(gaps: Path, svg: Path) -> None:
    """Draw the parts of the gaps of a table, as SVG and PNG.

    Parameters
    ----------
    gaps : Path
        The table `tables.DECOMPOSITION`.
    svg : Path
        File to write; the PNG goes beside it.
    """
    style.save(parts(DECOMPOSITION.read(gaps)), svg)


def parts(table: pd.DataFrame) -> Figure:
    """Draw each gap, and the parts that it is the sum of, as a waterfall of bars.

    Parameters
    ----------
    table : DataFrame
        Columns of `tables.DECOMPOSITION`.

    Returns
    -------
    Figure
        A row of axes per model (and condition), and a column per direction.
    """
    rows = means(final_tables.named(table[table["of"].eq("gap")], ()))
    lines = _lines(rows)
    settings = final_tables.ordered(rows["setting"])
    directions = dict.fromkeys(zip(rows["train"], rows["test"], strict=True))
    with mpl.rc_context(style.STYLE):
        figure, axes = style.grid(
            {setting: setting for setting in settings},
            {pair: style.direction(*pair) for pair in directions},
            len(lines),
        )
        for (setting, pair), ax in axes.items():
            here = rows["train"].eq(pair[0]) & rows["test"].eq(pair[1])
            _draw(ax, rows[rows["setting"].eq(setting) & here], lines)
            style.label_lines(ax, lines)
        label = metric_of(str(rows["metric"].iloc[0])).label
        figure.supxlabel(f"part of the gap in mean {label}", fontsize=9)
    return figure


def _lines(rows: pd.DataFrame) -> list[str]:
    """Return the names of the terms from the bottom up; a direction may lack some."""
    order = {term: k for k, term in enumerate(COLOURS)}
    names = rows[["term", "said"]].drop_duplicates()
    names = names.sort_values("term", key=lambda t: t.map(order), kind="stable")
    return list(names["said"])[::-1]


def _draw(ax: Axes, rows: pd.DataFrame, lines: Sequence[str]) -> None:
    """Draw the bars of one gap: each begins where the one above it ends."""
    ax.axvline(0, color=style.GREY, lw=0.8)
    known = rows.dropna(subset=["value"])
    if known.empty:
        ax.text(0.5, 0.5, "not estimated", transform=ax.transAxes, ha="center")
        return
    gap, rest = known.iloc[0], 0.0
    for row in known.itertuples():
        y = lines.index(row.said)
        # What is taken away goes back from the end of the bar above.
        taken = row.term not in ("gap", "left")
        ends = [rest - x if taken else x for x in (row.value, row.low, row.high)]
        start = rest if taken else 0.0
        sure = gap["low"] > 0 and not words.includes(row.low, row.high, 0)
        ax.barh(
            y,
            ends[0] - start,
            left=start,
            height=0.62,
            color=COLOURS[row.term],
            alpha=1.0 if sure else PALE,
        )
        ax.plot(ends[1:], [y, y], color=style.BLACK, lw=1.0)
        if row.term != "left":
            ax.plot([ends[0]] * 2, [y - 1, y], color=style.GREY, lw=0.6, ls=":")
        rest = ends[0]
