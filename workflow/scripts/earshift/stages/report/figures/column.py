"""How the figures of a study look: as wide as a column of a paper."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from earshift.stages.report.figures import style

#: Colours of protocols, training datasets and scopes.
PAIR = (style.BLUE, style.ORANGE)

#: Colour and mark of a model.
MODELS = (
    *((style.BLUE, "o"), (style.ORANGE, "s"), (style.GREEN, "^")),
    *((style.VERMILION, "D"), (style.PURPLE, "v"), (style.BLACK, "P")),
)

#: Height of a line of marks.
LINE_IN = 0.125

#: Axes by row and column.
Grid = dict[tuple[str, str], Axes]


def grid(
    rows: Mapping[str, str], columns: Mapping[str, str], height_in: float
) -> tuple[Figure, Grid]:
    """Make axes that share their scales, by keys of rows and columns, with their names.

    Parameters
    ----------
    rows, columns : mapping
        Key -> name.
    height_in : float
        Height of one axes, in inches.

    Returns
    -------
    figure : Figure
        As wide as a column, and as high as it must be.
    axes : dict
        Keys of a row and a column -> axes.
    """
    height = len(rows) * (height_in + 0.12) + 0.75
    layout = ConstrainedLayoutEngine(w_pad=0.02, h_pad=0.03)
    figure = Figure(figsize=(style.COLUMN_IN, height), layout=layout)
    made = figure.subplots(
        len(rows), len(columns), sharex=True, sharey=True, squeeze=False
    )
    axes = {}
    for i, (row, row_name) in enumerate(rows.items()):
        for j, (column, title) in enumerate(columns.items()):
            ax = made[i, j]
            axes[row, column] = ax
            ax.grid(axis="x", color="#E6E6E6", lw=0.5)
            ax.set_axisbelow(True)
            ax.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
            if i == 0:
                ax.set_title(title, loc="left")
            if j == len(columns) - 1:
                ax.text(
                    *(1.03, 0.5, row_name),
                    transform=ax.transAxes,
                    rotation=270,
                    va="center",
                    fontsize=6.5,
                    fontweight="bold",
                )
    return figure, axes


def name_lines(axes: Grid, names: Sequence[str]) -> None:
    """Name the lines of all axes, from the top down."""
    for ax in axes.values():
        ax.set_yticks(range(len(names)), names)
        ax.set_ylim(len(names) - 0.4, -0.6)


def from_zero(axes: Grid) -> None:
    """Let the shared scale begin at 0, once all is drawn: it does not grow after."""
    next(iter(axes.values())).set_xlim(left=0)


def legend(figure: Figure, marks: Sequence[Line2D], n_columns: int = 3) -> None:
    """Put a legend of `marks` above the axes."""
    figure.legend(
        handles=marks,
        loc="outside upper left",
        ncols=n_columns,
        frameon=False,
        handletextpad=0.2,
        columnspacing=1.0,
    )


def mark(label: str, colour: str, marker: str = "o", fill: str = "") -> Line2D:
    """Return a legend's entry for a mark, filled with its colour or with `fill`."""
    entry = style.mark(label, colour, fill or colour, marker)
    entry.set_markersize(3.5)
    return entry


def empty(why: str) -> Figure:
    """Return a figure that says why there is nothing to show."""
    with mpl.rc_context(style.COLUMN_STYLE):
        figure = Figure(figsize=(style.COLUMN_IN, 0.6))
        figure.text(0.5, 0.5, f"Nothing to show: {why}.", ha="center", va="center")
    return figure


def offset(i: int, n: int) -> float:
    """Return how far the i-th of n marks on a line stands below its middle."""
    return 0.0 if n == 1 else 0.36 * (i / (n - 1) - 0.5)


def lines_of(
    classes: Iterable[str], names: Sequence[str], i: int, n: int
) -> NDArray[np.float64]:
    """Return where the i-th of n marks of each class stands on the lines of `names`.

    NaN if a class has no line.
    """
    place = {name: line for line, name in enumerate(names)}
    return np.array([place.get(c, np.nan) for c in classes], float) + offset(i, n)
