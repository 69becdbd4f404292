"""How the figures look: palette, style, grids of axes, points with intervals."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from earshift import files
from earshift.numerics import inference
from earshift.stages.report import final_tables, words

#: One line of a table.
Row = Any

#: Colours that readers with any kind of colour vision tell apart (Okabe and Ito, 2008).
BLACK, ORANGE, GREEN, BLUE = "#000000", "#E69F00", "#009E73", "#0072B2"
VERMILION, PURPLE, SKY, GREY = "#D55E00", "#CC79A7", "#56B4E9", "#6B6B6B"
LIGHT = "#DADADA"

#: Verdict -> colour and filling of its mark: filled where an effect is sure to matter.
VERDICTS = MappingProxyType(
    {
        inference.WORTH_IT: (GREEN, GREEN),
        inference.HARMFUL: (VERMILION, VERMILION),
        inference.EQUIVALENT: (GREY, GREY),
        inference.UNSURE_GAIN: (GREEN, "white"),
        inference.UNSURE_LOSS: (VERMILION, "white"),
        inference.NO_EFFECT: (GREY, "white"),
    }
)

#: Access -> the sign that follows a method's name.
ACCESS_SIGNS = MappingProxyType(
    {
        "none": "",
        "target_unlabelled": " \N{DAGGER}",
        "target_labelled": " \N{DOUBLE DAGGER}",
        "oracle": " \N{SECTION SIGN}",
    }
)

#: Colours of lines; from the eighth on they come again with another dash.
COLOURS = (BLUE, ORANGE, GREEN, VERMILION, PURPLE, SKY, GREY)
DASHES = ("-", "--", ":", "-.")

#: Colour and mark of a training dataset other than the test dataset.
OTHERS = ((ORANGE, "D"), (BLUE, "s"), (GREEN, "^"), (VERMILION, "v"), (PURPLE, "P"))

STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.labelsize": 9,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8.5,
    "legend.fontsize": 8.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.linewidth": 0.7,
    "ytick.major.size": 0,
    "text.parse_math": False,  # a class may be called "A$"
    "svg.hashsalt": "earshift",
    "svg.fonttype": "path",
    "pdf.fonttype": 42,  # whole fonts, as publishers ask for
}

#: The same for a column of a paper with two columns.
COLUMN_STYLE = STYLE | {
    "font.size": 7,
    "axes.titlesize": 7,
    "axes.labelsize": 7,
    "xtick.labelsize": 6.5,
    "ytick.labelsize": 6.5,
    "legend.fontsize": 6.5,
    "axes.linewidth": 0.5,
    "xtick.major.size": 2.5,
}
COLUMN_IN = 3.4

WIDTH_IN = 8.6
LINE_IN = 0.23


def save(figure: Figure, svg: Path, *, pdf: bool = False) -> None:
    """Write a figure as `svg`, and as PNG beside it, with the same bytes every time.

    Parameters
    ----------
    figure : Figure
        To write.
    svg : Path
        Ends in ``.svg``.
    pdf : bool, default=False
        Write a PDF, too.
    """
    with mpl.rc_context(STYLE):
        with files.whole_file(svg.with_suffix(".png")) as file:
            figure.savefig(file, dpi=200, metadata={"Software": None})
        # All formats have one layout, which takes as long to find as a format to write.
        figure.set_layout_engine("none")
        with files.whole_file(svg) as file:
            figure.savefig(file, metadata={"Date": None, "Creator": None})
        if pdf:
            nothing = dict.fromkeys(("CreationDate", "Creator", "Producer"))
            with files.whole_file(svg.with_suffix(".pdf")) as file:
                figure.savefig(file, metadata=nothing)


def forest(
    table: pd.DataFrame,
    settings: Sequence[str],
    panels: Mapping[Any, str],
    columns: tuple[str, str, str],
    look: Callable[[Row], tuple[str, str]],
    label: str,
    *,
    reference: Mapping[Any, float] | None = None,
    band: tuple[str, str, str] | None = None,
    scale: Callable[[str, Any], Hashable] | None = None,
    signs: bool = False,
) -> Figure:
    """Draw values with intervals: a row of axes per model, lines for the methods.

    Parameters
    ----------
    table : DataFrame
        With columns setting, variant, access and panel, and `columns`.
    settings : sequence of str
        The rows.
    panels : mapping
        Value of the column `panel` -> title, one column of axes each.
    columns : tuple of str
        Names of the columns of the value and of the ends of its interval.
    look : callable
        Returns the colour and the filling of a row's mark.
    label : str
        Of the horizontal axis.
    reference : mapping, optional
        Panel -> where its dashed line stands, if it has one; without this mapping, a
        plain line stands at 0.
    band : tuple of str, optional
        Names of the columns of the value, and the ends of its interval, that are drawn
        in grey behind each row's own, where they are known.
    scale : callable, optional
        Returns for a setting and a panel what horizontal scale their axes have; those
        of one scale have the same limits. By default all have.
    signs : bool, default=False
        Write values on the axis with their sign.

    Returns
    -------
    Figure
        Without a legend.
    """
    variants = final_tables.ordered(table["variant"])[::-1]
    access = dict(zip(table["variant"], table["access"], strict=True))
    names = [v + ACCESS_SIGNS[access[v]] for v in variants]
    scales = {
        (s, panel): scale(s, panel) if scale else None
        for s in settings
        for panel in panels
    }
    figure, axes = grid(
        {s: s for s in settings},
        panels,
        len(variants),
        share_x=len(set(scales.values())) == 1,
    )
    lines = {panel: 0.0 for panel in panels} if reference is None else reference
    limits = _limits(table, (*columns, *(band or ())), lines, scales)
    for (setting, panel), ax in axes.items():
        here = table["panel"].map(lambda key, panel=panel: key == panel)
        own = table[table["setting"].eq(setting) & here]
        if panel in lines:
            style = "-" if reference is None else (0, (4, 3))
            ax.axvline(lines[panel], color=GREY, lw=0.8, ls=style)
        _draw_rows(ax, own, variants, columns, band, look)
        label_lines(ax, names)
        ends = limits[scales[setting, panel]]
        ax.set_xlim(ends)
        if signs:
            digits = 3 if ends[1] - ends[0] < 0.05 else 2
            # Steps of 1, 2 or 5, so that two decimals name them exactly.
            ax.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
            ax.xaxis.set_major_formatter(partial(_signed, digits=digits))
    notes = [
        f"{sign.strip()} {final_tables.ACCESS[kind]}"
        for kind, sign in ACCESS_SIGNS.items()
        if sign and kind in access.values()
    ]
    figure.supxlabel("\n".join([label, *notes]), fontsize=9)
    return figure


def _signed(value: float, _: int, digits: int) -> str:
    return words.signed(value, digits)


def _draw_rows(
    ax: Axes,
    rows: pd.DataFrame,
    variants: Sequence[str],
    columns: tuple[str, str, str],
    band: tuple[str, str, str] | None,
    look: Callable[[Row], tuple[str, str]],
) -> None:
    """Draw a value with its interval for each row, on the line of its variant."""
    for _, row in rows.iterrows():
        value, low, high = (float(row[c]) for c in columns)
        y = variants.index(row["variant"])
        colour, fill = look(row)
        if band is not None:
            _draw_band(ax, y, *(float(row[c]) for c in band))
        ax.plot([low, high], [y, y], color=colour, lw=1.3, solid_capstyle="butt")
        ax.plot([value], [y], "o", color=colour, mfc=fill, ms=5)


def _draw_band(ax: Axes, y: int, value: float, low: float, high: float) -> None:
    """Draw an interval as a grey band, with a line where its value is."""
    if math.isfinite(low):
        ax.barh(y, high - low, left=low, height=0.7, color=LIGHT, zorder=0.9)
        ax.plot([value] * 2, [y - 0.35, y + 0.35], color=GREY, lw=0.8)


def _limits(
    table: pd.DataFrame,
    columns: Sequence[str],
    references: Mapping[Any, float],
    scales: Mapping[tuple[str, Any], Hashable],
) -> dict[Hashable, tuple[float, float]]:
    """Return axis limits of each scale that hold its intervals and reference lines."""
    values: dict[Hashable, list[float]] = {}
    for (setting, panel), name in scales.items():
        here = table["panel"].map(lambda key, panel=panel: key == panel)
        rows = table.loc[table["setting"].eq(setting) & here, list(columns)]
        values.setdefault(name, []).extend(rows.to_numpy(float).ravel())
        values[name] += [references[panel]] if panel in references else []
    return {name: _with_margin(each) for name, each in values.items()}


def _with_margin(values: Sequence[float]) -> tuple[float, float]:
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    margin = 0.06 * max(high - low, 0.01)
    return low - margin, high + margin


def looks(names: Sequence[str]) -> list[tuple[str, dict[str, Any]]]:
    """Return each name with the colour and kind of its lines."""
    n = len(COLOURS)
    return [
        (name, {"color": COLOURS[i % n], "ls": DASHES[i // n % len(DASHES)]})
        for i, name in enumerate(names)
    ]


def direction(train: str, test: str) -> str:
    """Return the title of a pair of training and test dataset."""
    if train == test:
        return f"within {test}"
    return f"trained on {train},\ntested on {test}"


def grid(
    rows: Mapping[Any, str],
    columns: Mapping[Any, str],
    n_lines: int,
    *,
    share_x: bool = True,
) -> tuple[Figure, dict[tuple[Any, Any], Axes]]:
    """Make axes that share their scales; more than four columns wrap.

    Parameters
    ----------
    rows, columns : mapping
        Key -> name.
    n_lines : int
        Lines of each axes.
    share_x : bool, default=True
        Whether all have one horizontal scale. If not, each shows its own.

    Returns
    -------
    figure : Figure
        As wide as the page, and as high as it must be.
    axes : dict
        Keys of a row and a column -> axes.
    """
    n = len(columns)
    wide = n if n <= 4 else 4 if n % 4 == 0 else 3
    blocks = math.ceil(n / wide)
    line_in = max(n_lines, 2) * LINE_IN
    between_in = 0.22 if share_x else 0.4
    height = blocks * (len(rows) * (line_in + between_in) + 0.5) + 0.9
    figure = Figure(figsize=(WIDTH_IN, height), layout="constrained")
    grid = figure.subplots(
        blocks * len(rows), wide, sharex=share_x, sharey=True, squeeze=False
    )
    axes = {}
    for i, (column, title) in enumerate(columns.items()):
        for j, (row, name) in enumerate(rows.items()):
            block, k = divmod(i, wide)
            ax = grid[block * len(rows) + j, k]
            axes[row, column] = ax
            ax.set_ylim(-0.6, n_lines - 0.4)
            # A tall figure repeats its scale, so that no reader has to scroll for it.
            is_last = j == len(rows) - 1
            ax.tick_params(labelbottom=is_last or n_lines > 8 or not share_x)
            if not share_x:
                ax.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
            if j == 0:
                ax.set_title(title, loc="left")
            if k == wide - 1 or i == n - 1:
                ax.text(
                    *(1.02, 0.5, name),
                    transform=ax.transAxes,
                    rotation=270,
                    va="center",
                    fontweight="bold",
                )
    used = set(axes.values())
    for ax in grid.ravel():
        if ax not in used:
            ax.set_visible(False)
    return figure, axes


def label_lines(ax: Axes, names: Sequence[str]) -> None:
    """Name the lines of an axes, from the bottom up, and rule it lightly."""
    ax.set_yticks(range(len(names)), names)
    ax.grid(axis="x", color="#E6E6E6", lw=0.6)
    ax.set_axisbelow(True)


def mark(label: str, colour: str, fill: str, marker: str = "o") -> Line2D:
    """Return a legend's entry for a mark."""
    return Line2D(
        [], [], marker=marker, color=colour, mfc=fill, ls="", ms=5, label=label
    )


def legend(figure: Figure, marks: Sequence[Line2D]) -> None:
    """Put a legend of `marks` above the axes."""
    figure.legend(
        handles=marks,
        loc="outside upper left",
        ncols=3,
        frameon=False,
        handletextpad=0.3,
        columnspacing=1.5,
    )
