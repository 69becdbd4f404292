"""Stage 8, report: the figures of the ISMIR 2023 study, as wide as a paper's column."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from earshift.stages.report import final_tables
from earshift.stages.report.figures import column as narrow
from earshift.stages.report.figures import style
from earshift.studies.ismir2023 import columns
from earshift.studies.ismir2023.figure_data import NO_GENRE, PER_GENRE, PLAIN, STAGES
from earshift.studies.ismir2023.published import PUBLISHED
from earshift.studies.ismir2023.tables import settings

log = logging.getLogger(__name__)

#: Changes below this, in points, have no arrow: its head would be longer.
SMALL = 0.5


def draw_study(folder: Path, protocols: Sequence[str], out: Path) -> None:
    """Draw the study's figures as SVG, PDF and PNG.

    Parameters
    ----------
    folder : Path
        Tables of the study: ``classes.csv``, and those of `study_data.write_data`.
    protocols : sequence of str
        Protocols of the experiment.
    out : Path
        Folder to write ``{name}.svg`` to for each figure of `COMMON`, and
        ``{name}_{protocol}.svg`` for each of `FIGURES`.
    """
    shown = (columns.CLASSES, columns.GENRES, columns.SAMPLES)
    tables = {
        Path(table.file).stem: table.read(folder / Path(table.file).name)
        for table in (*shown, columns.COSINES, columns.RANKS)
    }
    for name, draw in COMMON.items():
        style.save(draw(tables[name]), out / f"{name}.svg", pdf=True)
        log.info("drew %s", name)
    for protocol in protocols:
        for name, (source, draw_one) in FIGURES.items():
            figure = draw_one(tables[source], protocol)
            style.save(figure, out / f"{name}_{protocol}.svg", pdf=True)
            log.info("drew %s of the protocol %s", name, protocol)


def genres(table: pd.DataFrame) -> Figure:
    """Draw the shares of the genres of each dataset, from all clips to those drawn.

    Parameters
    ----------
    table : DataFrame
        Columns protocol, dataset, stage, subgroup, n_clips.

    Returns
    -------
    Figure
        A row of axes per dataset and a column per stage; bars per protocol.
    """
    names = [g for g in final_tables.ordered(table["subgroup"]) if g != NO_GENRE]
    names += [NO_GENRE] if table["subgroup"].eq(NO_GENRE).any() else []
    protocols = final_tables.ordered(table["protocol"])
    rows = {d: d for d in final_tables.ordered(table["dataset"])}
    stages = set(table["stage"])
    columns = {s: s for s in STAGES if s in stages}
    height = 0.8 / len(protocols)
    with mpl.rc_context(style.COLUMN_STYLE):
        figure, axes = narrow.grid(rows, columns, len(names) * narrow.LINE_IN * 1.3)
        for (row, column), ax in axes.items():
            cell = table[table["dataset"].eq(row) & table["stage"].eq(column)]
            counts = []
            for i, protocol in enumerate(protocols):
                n = cell[cell["protocol"].eq(protocol)].set_index("subgroup")["n_clips"]
                share = 100 * n.reindex(names).fillna(0) / max(n.sum(), 1)
                y = np.arange(len(names)) - 0.4 + (i + 0.5) * height
                ax.barh(y, share, 0.9 * height, color=narrow.PAIR[i % 2])
                counts.append(f"{n.sum():.0f}")
            text = f"n = {' / '.join(dict.fromkeys(counts))}"
            ax.text(0.97, 0.03, text, transform=ax.transAxes, ha="right", fontsize=6)
        narrow.name_lines(axes, names)
        for ax in axes.values():
            ax.set_ylim(bottom=len(names) + 0.4)  # for the numbers
        figure.supxlabel("% of the clips", fontsize=7)
        marks = [
            narrow.mark(f"protocol {p}", narrow.PAIR[i % 2], "s")
            for i, p in enumerate(protocols)
        ]
        narrow.legend(figure, marks)
    return figure


def samples(table: pd.DataFrame) -> Figure:
    """Draw how many training clips have each class, before and after balancing.

    Parameters
    ----------
    table : DataFrame
        Columns protocol, dataset, class, n_train and, where there are draws, n_drawn.

    Returns
    -------
    Figure
        A column of axes per dataset; a line per class.
    """
    names = sorted(final_tables.ordered(table["class"]))
    protocols = final_tables.ordered(table["protocol"])
    columns = {d: d for d in final_tables.ordered(table["dataset"])}
    drawn = table.get("n_drawn", pd.Series(np.nan, index=table.index))
    table = table.assign(n_drawn=drawn)
    with mpl.rc_context(style.COLUMN_STYLE):
        figure, axes = narrow.grid({"": ""}, columns, len(names) * narrow.LINE_IN * 1.2)
        for (_, column), ax in axes.items():
            for i, protocol in enumerate(protocols):
                cell = table[
                    table["dataset"].eq(column) & table["protocol"].eq(protocol)
                ]
                y = narrow.lines_of(cell["class"], names, i, len(protocols))
                colour = narrow.PAIR[i % 2]
                ax.hlines(y, cell["n_drawn"], cell["n_train"], color="#C9C9C9", lw=0.8)
                ax.plot(cell["n_train"], y, "o", color=colour, mfc="white", ms=3)
                ax.plot(cell["n_drawn"], y, "o", color=colour, ms=3)
        narrow.name_lines(axes, names)
        narrow.from_zero(axes)
        figure.supxlabel("training clips with the class", fontsize=7)
        marks = []
        for i, p in enumerate(protocols):
            marks.append(narrow.mark(f"{p}: all", narrow.PAIR[i % 2], fill="white"))
            marks.append(narrow.mark(f"{p}: balanced", narrow.PAIR[i % 2]))
        narrow.legend(figure, marks, 4)
    return figure


def class_scores(table: pd.DataFrame, protocol: str) -> Figure:
    """Draw the ROC-AUC of each class without correction, by training and test dataset.

    Parameters
    ----------
    table : DataFrame
        As `study_tables.class_table` returns it.
    protocol : str
        Which.

    Returns
    -------
    Figure
        A row of axes per training dataset, a column per test dataset; marks per model,
        and a line where a value was published.
    """
    table = table[table["method"].eq("none")]
    table = table[table["scope"].eq(table["scope"].iloc[0])]
    names = sorted(final_tables.ordered(table["class"]))
    models_found = final_tables.ordered(settings(table))
    looks = narrow.MODELS * len(models_found)
    models = dict(zip(models_found, looks, strict=False))
    data = final_tables.ordered(table["train"])
    rows = {d: f"trained on {d}" for d in data}
    columns = {d: f"tested on {d}" for d in data}
    with mpl.rc_context(style.COLUMN_STYLE):
        figure, axes = narrow.grid(rows, columns, len(names) * narrow.LINE_IN * 1.15)
        for (train, test), ax in axes.items():
            cell = table[table["train"].eq(train) & table["test"].eq(test)]
            for i, (model, (colour, marker)) in enumerate(models.items()):
                part = cell[settings(cell).eq(model)]
                y = narrow.lines_of(part["class"], names, i, len(models))
                ax.plot(
                    part[f"roc_auc_{protocol}"], y, marker, color=colour, ms=3, mew=0
                )
                if "roc_auc_published" in part:
                    x = part["roc_auc_published"]
                    ax.plot(x, y, "|", color=colour, ms=5, mew=0.8)
        narrow.name_lines(axes, names)
        figure.supxlabel(f"ROC-AUC x 100 (protocol {protocol})", fontsize=7)
        marks = [narrow.mark(m, *look) for m, look in models.items()]
        marks += _published_mark(table.get("roc_auc_published"))
        narrow.legend(figure, marks, 4)
    return figure


def _published_mark(values: pd.Series[float] | None) -> list[Line2D]:
    if values is None or not values.notna().any():
        return []
    return [narrow.mark(PUBLISHED, style.GREY, "|")]


def arrows(table: pd.DataFrame, protocol: str, method: str = "mlda") -> Figure:
    """Draw how a correction moves the ROC-AUC of each class across datasets.

    Changes of less than `SMALL` points are dots.

    Parameters
    ----------
    table : DataFrame
        As `study_tables.class_table` returns it.
    protocol : str
        Which.
    method : str, default="mlda"
        The correction; each scope has a colour.

    Returns
    -------
    Figure
        A row of axes per model and a column per direction; from the value without
        correction an arrow to the value with it.
    """
    value = f"roc_auc_{protocol}"
    across = table[table["train"].ne(table["test"])].dropna(subset=[value])
    after = across[across["method"].eq(method)]
    if after.empty:
        return narrow.empty(f"the protocol {protocol} has no method {method}")
    keys = ["model", "condition", "scope", "train", "test", "class"]
    plain = across[across["method"].eq("none")].set_index(keys)[value]
    after = after.join(plain.rename("before"), on=keys)
    after = after.assign(setting=settings(after), after=after[value])
    names = sorted(final_tables.ordered(after["class"]))
    scopes = final_tables.ordered(after["scope"])
    pairs = dict.fromkeys(zip(after["train"], after["test"], strict=True))
    columns = {f"{a}\n{b}": f"trained on {a},\ntested on {b}" for a, b in pairs}
    rows = {s: s for s in final_tables.ordered(after["setting"])}
    with mpl.rc_context(style.COLUMN_STYLE):
        figure, axes = narrow.grid(rows, columns, len(names) * narrow.LINE_IN * 1.15)
        direction = after["train"] + "\n" + after["test"]
        for (row, column), ax in axes.items():
            cell = after[after["setting"].eq(row) & direction.eq(column)]
            for i, scope in enumerate(scopes):
                part = cell[cell["scope"].eq(scope)]
                y = narrow.lines_of(part["class"], names, i, len(scopes))
                _arrows(ax, part, y, narrow.PAIR[i % 2])
        narrow.name_lines(axes, names)
        label = f"ROC-AUC x 100 (protocol {protocol}; dot: change below {SMALL})"
        figure.supxlabel(label, fontsize=7)
        marks = [narrow.mark("no correction", style.BLACK, "|")]
        marks += [
            narrow.mark(f"{method}, {s}", narrow.PAIR[i % 2], ">")
            for i, s in enumerate(scopes)
        ]
        narrow.legend(figure, marks)
    return figure


def _arrows(ax: Axes, part: pd.DataFrame, y: NDArray[np.float64], colour: str) -> None:
    """Draw a stem for each row, and a head that points the way it went, or a dot."""
    ax.plot(part["before"], y, "|", color=style.BLACK, ms=4, mew=0.8)
    ax.hlines(y, part["before"], part["after"], color=colour, lw=1)
    change = part["after"] - part["before"]
    up, down = change >= SMALL, change <= -SMALL
    for way, marker in ((up, ">"), (down, "<"), (~up & ~down, ".")):
        ax.plot(part.loc[way, "after"], y[way], marker, color=colour, ms=3, mew=0)


def kernel_arrows(table: pd.DataFrame, protocol: str) -> Figure:
    """Draw `arrows` for the correction in the space of the kernel."""
    return arrows(table, protocol, "mklda")


def cosines(table: pd.DataFrame, protocol: str) -> Figure:
    """Draw how far the directions between datasets and of classes agree.

    Parameters
    ----------
    table : DataFrame
        As `study_data.cosines` returns it, with published rows.
    protocol : str
        Which.

    Returns
    -------
    Figure
        A row of axes per model and scope, a column per space (embedding, kernel); marks
        per training dataset of the classifier, and lines where a value was published.
    """
    ours = table[table["protocol"].eq(protocol)]
    if ours.empty:
        return narrow.empty(f"the protocol {protocol} has neither lda nor klda")
    names = sorted(final_tables.ordered(ours["class"]))
    trains = final_tables.ordered(ours["train"])
    look = dict(zip(trains, narrow.PAIR * len(trains), strict=False))
    spaces = {"lda": "in the embedding", "klda": "in the kernel's space"}
    methods = set(ours["method"])
    columns = {m: spaces[m] for m in PLAIN if m in methods}
    names_of = settings(ours) + "\n" + ours["scope"]
    rows = {s: s.replace("\n", ", ") for s in final_tables.ordered(names_of)}
    theirs = table[table["protocol"].eq(PUBLISHED)]
    with mpl.rc_context(style.COLUMN_STYLE):
        figure, axes = narrow.grid(rows, columns, len(names) * narrow.LINE_IN * 1.05)
        for (row, column), ax in axes.items():
            for source, mark, size in ((ours, "o", 3), (theirs, "|", 5)):
                here = (source["model"] + "\n" + source["scope"]).eq(row)
                if source is ours:
                    here = names_of.eq(row)
                part = source[here & source["method"].eq(column)]
                for i, (train, colour) in enumerate(look.items()):
                    line = part[part["train"].eq(train)]
                    y = narrow.lines_of(line["class"], names, i, len(look))
                    x = line["cosine"].abs()
                    ax.plot(x, y, mark, color=colour, ms=size, mew=0.8 * (mark == "|"))
        narrow.name_lines(axes, names)
        narrow.from_zero(axes)
        label = "|cosine| of the direction between datasets and of the class"
        figure.supxlabel(f"{label}\n(protocol {protocol})", fontsize=7)
        marks = [narrow.mark(f"trained on {t}", colour) for t, colour in look.items()]
        marks += _published_mark(theirs["cosine"])
        narrow.legend(figure, marks)
    return figure


def ranks(table: pd.DataFrame, protocol: str) -> Figure:
    """Draw the singular values of the stacked unit directions of the genres.

    Parameters
    ----------
    table : DataFrame
        As `study_data.singular_values` returns it.
    protocol : str
        Which.

    Returns
    -------
    Figure
        A row of axes per model, a column per method; a line per class and scope. A
        value of 0 is a direction that the others span.
    """
    ours = table[table["protocol"].eq(protocol)]
    if ours.empty:
        return narrow.empty(f"the protocol {protocol} has neither mlda nor mklda")
    scopes = final_tables.ordered(ours["scope"])
    methods = set(ours["method"])
    columns = {m: m for m in PER_GENRE if m in methods}
    names = settings(ours)
    rows = {s: s for s in final_tables.ordered(names)}
    with mpl.rc_context(style.COLUMN_STYLE):
        figure, axes = narrow.grid(rows, columns, 1.0)
        for (row, column), ax in axes.items():
            here = ours[names.eq(row) & ours["method"].eq(column)]
            for i, scope in enumerate(scopes):
                part = here[here["scope"].eq(scope)]
                for _, line in part.groupby(["class", "genres"], sort=False):
                    x = line["place"] + narrow.offset(i, len(scopes)) / 3
                    y = line["value"]
                    ax.plot(
                        x, y, "o-", color=narrow.PAIR[i % 2], alpha=0.6, ms=2, lw=0.7
                    )
            ax.grid(axis="y", color="#E6E6E6", lw=0.5)
            ax.set_ylim(0, 1.05 * max(1.0, float(ours["value"].max())))
            ax.set_xticks(range(1, int(ours["place"].max()) + 1))
        figure.supxlabel(f"place of the value (protocol {protocol})", fontsize=7)
        figure.supylabel("singular value", fontsize=7)
        narrow.legend(
            figure, [narrow.mark(s, narrow.PAIR[i % 2]) for i, s in enumerate(scopes)]
        )
    return figure


#: Name of a figure of all protocols, and of its table -> the function that draws it.
COMMON: Mapping[str, Callable[[pd.DataFrame], Figure]] = MappingProxyType(
    {"genres": genres, "samples": samples}
)

#: Name of a figure of one protocol -> its table, the function that draws it.
FIGURES: Mapping[str, tuple[str, Callable[[pd.DataFrame, str], Figure]]] = (
    MappingProxyType(
        {
            "class_scores": ("classes", class_scores),
            "arrows": ("classes", arrows),
            "kernel_arrows": ("classes", kernel_arrows),
            "cosines": ("cosines", cosines),
            "ranks": ("ranks", ranks),
        }
    )
)
