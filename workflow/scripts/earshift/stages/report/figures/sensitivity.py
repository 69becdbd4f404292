"""Stage 8, report: the figures of how embeddings and scores change with strength."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullLocator, ScalarFormatter

from earshift import registry
from earshift.numerics import metrics
from earshift.stages.report import final_tables
from earshift.stages.report.figures import style
from earshift.stages.sensitivity import KNOWN, UNCHANGED, UNSEEN
from earshift.stages.sensitivity.robustness import sides
from earshift.tables import SENSITIVITY, SENSITIVITY_SCORES

Families = Mapping[str, Mapping[str, Any]]

#: What `sides` returns.
Sides = Mapping[str, Sequence[tuple[str, float]]]

#: Metrics that are drawn: of ranks, and of decisions.
DRAWN = ("roc_auc", "balanced_accuracy")

#: Measures that are drawn, and what their axes are called.
MEASURES = {
    "relative_distance": "displacement\n(1: another recording)",
    "retrieval": "nearest to its\nown original",
    "direction_consistency": "direction consistency",
    "effective_dimension_centred": "effective dimension",
}

#: Settings that are drawn: how.
SETTINGS: Mapping[str, dict[str, Any]] = {
    UNSEEN: {"ls": "-", "marker": "o"},
    KNOWN: {"ls": "--", "marker": "s", "mfc": "white"},
}

ROW_IN, COLUMN_IN = 1.9, 2.1


def draw_sensitivity(
    scores: Path, measures: Path, families: Families, svg: Path, moved: Path
) -> None:
    """Draw the figures of two tables, as SVG and PNG.

    Parameters
    ----------
    scores, measures : Path
        The tables `tables.SENSITIVITY_SCORES` and `tables.SENSITIVITY`.
    families : mapping
        Config entry of each family.
    svg, moved : Path
        Files to write, of scores and of movements; each PNG goes beside its SVG.
    """
    style.save(score_curves(SENSITIVITY_SCORES.read(scores), families), svg)
    style.save(movement_curves(SENSITIVITY.read(measures), families), moved)


def score_curves(table: pd.DataFrame, families: Families) -> Figure:
    """Draw mean metrics of changed clips by strength, without a correction.

    Parameters
    ----------
    table : DataFrame
        Columns of `tables.SENSITIVITY_SCORES`.
    families : mapping
        Config entry of each family.

    Returns
    -------
    Figure
        A row of axes per dataset and metric, a column per family, colours by model.
    """
    table = table[table["method"].eq("none") & table["metric"].isin(DRAWN)]
    table = table.dropna(subset=["value"])
    rows = [(d, m) for d in final_tables.ordered(table["dataset"]) for m in DRAWN]
    models = _colours(table)

    def draw(ax: Axes, row: tuple[str, str], there: pd.DataFrame, places: Any) -> None:  # noqa: ANN401
        dataset, metric = row
        own = there[there["dataset"].eq(dataset) & there["metric"].eq(metric)]
        for model, colour in models.items():
            of_model = own[own["model"].eq(model)]
            for setting, look in SETTINGS.items():
                part = of_model[of_model["setting"].eq(setting)]
                _line(ax, part, places, colour, look)
            clean = of_model.loc[of_model["setting"].eq(UNCHANGED), "value"]
            for value in clean[:1]:
                ax.axhline(value, color=colour, lw=0.9, ls=":")

    labels = [f"{d}\nmean {metrics.metric(m).label}" for d, m in rows]
    marks = [Line2D([], [], color=c, lw=1.4, label=m) for m, c in models.items()]
    marks += [
        Line2D(
            [], [], color=style.GREY, ms=4, label=f"trained on {words}", **SETTINGS[s]
        )
        for s, words in ((UNSEEN, "unchanged clips"), (KNOWN, "changed clips"))
    ]
    marks.append(Line2D([], [], color=style.GREY, ls=":", label="unchanged throughout"))
    return _figure(table, families, rows, labels, draw, marks)


def movement_curves(table: pd.DataFrame, families: Families) -> Figure:
    """Draw how the features of clips move, by strength.

    Parameters
    ----------
    table : DataFrame
        Columns of `tables.SENSITIVITY`.
    families : mapping
        Config entry of each family.

    Returns
    -------
    Figure
        A row of axes per measure, a column per family, colours by model and dashes by
        dataset.
    """
    table = table[table["measure"].isin(MEASURES)].dropna(subset=["value"])
    models, datasets = _colours(table), final_tables.ordered(table["dataset"])
    dashes = {d: style.DASHES[i % len(style.DASHES)] for i, d in enumerate(datasets)}

    def draw(ax: Axes, measure: str, there: pd.DataFrame, places: Any) -> None:  # noqa: ANN401
        own = there[there["measure"].eq(measure)]
        for model, colour in models.items():
            for dataset, dash in dashes.items():
                here = own["model"].eq(model) & own["dataset"].eq(dataset)
                _line(ax, own[here], places, colour, {"ls": dash, "marker": "o"})
        if measure == "effective_dimension_centred":
            ax.set_yscale("log")
            values = table.loc[table["measure"].eq(measure), "value"]
            if len(values):
                ax.set_ylim(values.min() / 2, values.max() * 2)
            ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            ax.yaxis.set_major_formatter(ScalarFormatter())
            ax.yaxis.set_minor_locator(NullLocator())

    marks = [Line2D([], [], color=c, lw=1.4, label=m) for m, c in models.items()]
    marks += [
        Line2D([], [], color=style.GREY, ls=dash, label=d) for d, dash in dashes.items()
    ]
    return _figure(
        table, families, list(MEASURES), list(MEASURES.values()), draw, marks
    )


def _colours(table: pd.DataFrame) -> dict[str, str]:
    names = final_tables.ordered(table["model"])
    return {n: style.COLOURS[i % len(style.COLOURS)] for i, n in enumerate(names)}


def _figure(
    table: pd.DataFrame,
    families: Families,
    rows: list[Any],
    labels: list[str],
    draw: Any,  # noqa: ANN401
    marks: list[Line2D],
) -> Figure:
    """Return a grid of axes: what is drawn in rows, families in columns."""
    with mpl.rc_context(style.STYLE | {"axes.spines.left": True}):
        # Words have no order to be drawn in.
        shown = [
            name
            for name, entry in families.items()
            if table["family"].eq(name).any() and sides(name, entry)
        ]
        width = max(style.WIDTH_IN, 0.9 + COLUMN_IN * len(shown))
        height = 0.9 + ROW_IN * max(1, len(rows))
        figure = Figure(figsize=(width, height), layout="constrained")
        if not shown:
            return figure
        axes = figure.subplots(
            len(rows), len(shown), sharex="col", sharey="row", squeeze=False
        )
        for j, name in enumerate(shown):
            found = sides(name, families[name])
            plugin = registry.load("conditions", families[name]["plugin"])
            places = _places(found, plugin.identity)
            there = table[table["family"].eq(name)]
            for i, row in enumerate(rows):
                draw(axes[i, j], row, there, places)
                axes[i, j].grid(axis="y", color="#E6E6E6", lw=0.6)
                axes[i, j].set_axisbelow(True)
            _scale(axes[-1, j], found, places, plugin.identity)
            axes[0, j].set_title(name, loc="left")
            unit = f" ({plugin.unit})" if plugin.unit else ""
            axes[-1, j].set_xlabel(f"{plugin.label}{unit}")
        for i, label in enumerate(labels):
            axes[i, 0].set_ylabel(label)
        style.legend(figure, marks)
    return figure


def _places(found: Sides, identity: object) -> dict[str, int]:
    """Return where conditions are on the axis: stronger ones further from the middle.

    Where strengths lie on both sides of what changes nothing, it has the place 0.
    """
    both = len(found) == 2 and not isinstance(identity, str)
    places: dict[str, int] = {}
    for side, items in found.items():
        sign = -1 if both and side == "lower" else 1
        places |= {name: sign * (k + 1) for k, (name, _) in enumerate(items)}
    return places


def _scale(ax: Axes, found: Sides, places: Mapping[str, int], identity: object) -> None:
    """Write the strengths below an axis, as many as there is room for."""
    named = {n: s for items in found.values() for n, s in items}
    ticks = {places[name]: f"{named[name]:g}" for name in places}
    if min(ticks) < 0:
        ticks[0] = f"{identity:g}"  # what changes nothing
    order = sorted(ticks)
    step = -(-len(order) // 9)
    ax.set_xticks(order[::step], [ticks[k] for k in order[::step]], fontsize=7)


def _line(
    ax: Axes,
    rows: pd.DataFrame,
    places: Mapping[str, int],
    colour: str,
    look: Mapping[str, Any],
) -> None:
    """Draw a line with its band."""
    own = rows.assign(place=rows["condition"].map(places))
    own = own.dropna(subset=["place"]).sort_values("place")
    if own.empty:
        return
    band = own[["low", "high"]].to_numpy(float).T
    ax.fill_between(own["place"], *band, color=colour, alpha=0.12, lw=0)
    ax.plot(own["place"], own["value"], ms=3, lw=1.3, color=colour, **look)
