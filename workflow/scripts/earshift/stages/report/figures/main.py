"""Stage 8, report: the figures, drawn from the final tables and nothing else."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from earshift.stages.report import final_tables
from earshift.stages.report.figures import style
from earshift.stages.report.figures.attribution import attribution
from earshift.stages.report.figures.curve import curve
from earshift.stages.report.figures.learning import learning_curves
from earshift.stages.report.figures.trade_offs import trade_offs
from earshift.stages.report.final_tables import Tables

#: One line of a table.
Row = Any

log = logging.getLogger(__name__)

#: Columns of the gap between halves of the test dataset, and the ends of its interval.
NULL = ("null_gap", "null_gap_low", "null_gap_high")


def draw_figures(
    folder: Path, measures: Mapping[str, Mapping[str, Any]], out: Path
) -> None:
    """Draw every figure of `FIGURES` as SVG and PNG.

    Parameters
    ----------
    folder : Path
        Where the final tables are.
    measures : mapping
        Config entries of the measures of discrepancy.
    out : Path
        Folder to write ``{name}.svg`` and ``{name}.png`` to.
    """
    found = final_tables.read(folder, measures=measures)
    for name, draw in FIGURES.items():
        style.save(draw(found), out / f"{name}.svg")
        log.info("drew %s", name)


def per_class(found: Tables) -> Figure:
    """Draw the ROC-AUC of each class, within and across, for the method ``none``.

    Values are those drawn towards the mean of the classes, with their intervals.

    Parameters
    ----------
    found : Tables
        The final tables.

    Returns
    -------
    Figure
        A column of axes per model and a row per test dataset.
    """
    values = final_tables.per_class(found.class_values)
    across = values[values["train"].ne(values["test"])]
    drop = across.groupby("class")["drop"].mean().sort_values(kind="stable")
    classes = [str(c) for c in drop.index]
    rows = {d: f"tested on {d}" for d in found.datasets}
    columns = {s: s for s in found.settings}
    look = dict(zip(found.datasets, style.OTHERS * len(found.datasets), strict=False))
    if len(look) == 2:
        look = dict.fromkeys(look, style.OTHERS[0])
    low = math.floor(min(0.5, float(values["low"].min())) * 20) / 20
    with mpl.rc_context(style.STYLE):
        figure, axes = style.grid(rows, columns, len(classes))
        for (row, column), ax in axes.items():
            own = values[values["test"].eq(row) & values["setting"].eq(column)]
            ax.axvline(0.5, color=style.GREY, lw=0.8, ls=(0, (4, 3)), zorder=0)
            _draw_classes(ax, own, row, classes, look)
            style.label_lines(ax, classes)
            ax.set_xlim(low, 1.02)
        label = f"ROC-AUC of the class (dashed: chance){_protocol(found)}"
        figure.supxlabel(label, fontsize=9)
        within = style.mark(
            "within: trained on the test dataset itself",
            style.BLACK,
            style.BLACK,
            "o",
        )
        others = [
            style.mark(_across_name(d, found), c, c, m) for d, (c, m) in look.items()
        ]
        style.legend(figure, [within, *others[: 1 if len(look) == 2 else None]])
    return figure


def _protocol(found: Tables) -> str:
    """Return what a label adds where there are several protocols."""
    return f"; protocol {found.protocol}" if len(found.protocols) > 1 else ""


def _across_name(dataset: str, found: Tables) -> str:
    if len(found.datasets) == 2:
        return "across: trained on the other dataset"
    return f"across: trained on {dataset}"


def _draw_classes(
    ax: Axes,
    own: pd.DataFrame,
    test: str,
    classes: Sequence[str],
    look: Mapping[str, tuple[str, str]],
) -> None:
    """Draw the within value of each class, below it each across value."""
    place = {c: i for i, c in enumerate(classes)}
    trains = [test, *(t for t in final_tables.ordered(own["train"]) if t != test)]
    step = 0.5 / max(len(trains) - 1, 1)
    for i, train in enumerate(trains):
        part = own[own["train"].eq(train)]
        colour, mark = (style.BLACK, "o") if train == test else look[train]
        y = part["class"].map(place) + 0.25 - step * i
        ax.hlines(y, part["low"], part["high"], color=colour, lw=1)
        ax.plot(part["roc_auc"], y, mark, color=colour, ms=4, mec="white", mew=0.4)


def _before_or_after(row: Row) -> tuple[str, str]:
    """Return the colour and filling of a mark: black without a correction."""
    colour = style.BLACK if row["variant"] == "none" else style.BLUE
    if row["is_control"]:
        colour = style.PURPLE
    return colour, colour


def _of_controls(table: pd.DataFrame) -> list[Line2D]:
    """Return what the legend has where a table has controls."""
    if not table["is_control"].any():
        return []
    return [style.mark("control", style.PURPLE, style.PURPLE)]


def _with_panels(table: pd.DataFrame, *columns: str) -> pd.DataFrame:
    """Add a column `panel`: the axes that each row belongs to, a tuple of `columns`."""
    keys = [tuple(row) for row in table[list(columns)].to_numpy(str).tolist()]
    return table.assign(panel=pd.Series(keys, index=table.index, dtype=object))


def gaps(found: Tables) -> Figure:
    """Draw the gap between within and across, with its interval.

    Parameters
    ----------
    found : Tables
        The final tables.

    Returns
    -------
    Figure
        A row of axes per model and a column per direction.
    """
    table = found.all_gaps
    table = _with_panels(table[table["metric"].eq("roc_auc")], "train", "test")
    # Halves are compared without correction.
    table.loc[table["method"].ne("none"), list(NULL)] = math.nan
    with mpl.rc_context(style.STYLE):
        panels = {d: style.direction(*d) for d in found.directions}
        label = (
            "gap in mean ROC-AUC, within minus across, of equal training (0: no gap)"
        )
        label += _protocol(found)
        figure = style.forest(
            table,
            found.settings,
            panels,
            ("gap", "gap_low", "gap_high"),
            _before_or_after,
            label,
            band=NULL,
            signs=True,
        )
        marks = [
            style.mark("no correction", style.BLACK, style.BLACK),
            style.mark("after a correction", style.BLUE, style.BLUE),
            *_of_controls(table),
            style.mark("two halves of the test dataset", style.LIGHT, style.LIGHT, "s"),
        ]
        style.legend(figure, marks)
    return figure


def changes(found: Tables) -> Figure:
    """Draw how much each correction changes mean ROC-AUC, with interval and verdict.

    Parameters
    ----------
    found : Tables
        The final tables.

    Returns
    -------
    Figure
        A row of axes per model and a column per direction, then one per dataset.
    """

    def look(row: Row) -> tuple[str, str]:
        return style.VERDICTS[str(row["verdict"])]

    cells = [*found.directions, *((d, d) for d in found.datasets)]
    table = found.summary[found.summary["variant"].ne("none")]
    table = _with_panels(table, "train", "test")
    with mpl.rc_context(style.STYLE):
        panels = {d: style.direction(*d) for d in cells}
        label = "change of mean ROC-AUC against no correction (right of 0: better)"
        label += _protocol(found)
        columns = ("change", "change_low_holm", "change_high_holm")
        figure = style.forest(
            table, found.settings, panels, columns, look, label, signs=True
        )
        marks = [
            style.mark(name, *style.VERDICTS[name], "o") for name in style.VERDICTS
        ]
        style.legend(figure, marks)
    return figure


def discrepancy(found: Tables) -> Figure:
    """Draw each measure between two datasets, before and after each method.

    Measures of one range, with a lowest and a highest value, share a scale. Values of
    others are compared within a model and measure only.

    Parameters
    ----------
    found : Tables
        The final tables, read with the measures.

    Returns
    -------
    Figure
        A row of axes per model and a column per measure and pair of datasets.
    """
    table = _with_panels(found.all_discrepancy, "measure", "a", "b")
    of_panel = table.drop_duplicates("panel").set_index("measure", drop=False)
    panels = {row["panel"]: _panel_title(row) for _, row in of_panel.iterrows()}
    bounds = dict(zip(of_panel["panel"], of_panel["bounds"], strict=True))
    fixed = table[~table["tested"]].drop_duplicates("panel")
    reference = dict(zip(fixed["panel"], fixed["expected"].astype(float), strict=True))

    def scale(setting: str, panel: tuple[str, ...]) -> Hashable:
        return bounds[panel] or (setting, panel[0])

    def look(row: Row) -> tuple[str, str]:
        colour, fill = _before_or_after(row)
        return colour, fill if row["detected"] else "white"

    with mpl.rc_context(style.STYLE):
        label = "value of the measure (dashed: no difference)" + _protocol(found)
        figure = style.forest(
            table,
            found.settings,
            panels,
            ("value", "low", "high"),
            look,
            label,
            reference=reference,
            band=("expected", "null_low", "null_high"),
            scale=scale,
        )
        marks = [
            style.mark("before (no correction)", style.BLACK, style.BLACK),
            style.mark("after a correction", style.BLUE, style.BLUE),
            *_of_controls(table),
            style.mark("no difference detected", style.GREY, "white"),
        ]
        if table["tested"].any():
            marks.append(style.mark("equal datasets", style.LIGHT, style.LIGHT, "s"))
        style.legend(figure, marks)
    return figure


def _panel_title(row: Row) -> str:
    """Return measure and datasets; say so if a higher value means more alike."""
    likeness = " (higher: more alike)" if row["better"] == "higher" else ""
    return f"{row['label']}{likeness}\n{row['a']}, {row['b']}"


#: Name of a figure's file -> the function that draws it.
FIGURES: Mapping[str, Callable[[Tables], Figure]] = MappingProxyType(
    {
        "per_class": per_class,
        "gaps": gaps,
        "changes": changes,
        "discrepancy": discrepancy,
        "discrepancy_curve": curve,
        "learning_curves": learning_curves,
        "trade_offs": trade_offs,
        "attribution": attribution,
    }
)
