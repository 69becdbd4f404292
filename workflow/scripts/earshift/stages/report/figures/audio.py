"""Stage 8, report: the figure of the audit, drawn from its tables and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from earshift.stages.report import final_tables
from earshift.stages.report.figures import style
from earshift.tables import PERCENTILES, SPECTRA

#: Lowest level of the spectra that is shown, in dB of the whole.
LOWEST_DB = -90

#: Measure -> label of its axis, divisor, whether the axis is logarithmic.
DISTRIBUTIONS = {
    "bandwidth_hz": ("bandwidth in kHz", 1000, False),
    "level_db": ("level in dB of full scale", 1, False),
    "duration_s": ("duration in seconds", 1, True),
}


def draw_audio(folder: Path, svg: Path) -> None:
    """Draw spectra and distributions of the audio of each dataset, as SVG and PNG.

    Parameters
    ----------
    folder : Path
        Holds ``spectra.csv`` and ``distributions.csv``.
    svg : Path
        File to write; the PNG goes beside it.
    """
    spectra = SPECTRA.read(folder / "spectra.csv")
    distributions = PERCENTILES.read(folder / "distributions.csv")
    style.save(audio(spectra, distributions), svg)


def audio(spectra: pd.DataFrame, distributions: pd.DataFrame) -> Figure:
    """Draw the average spectrum of each dataset over three distributions.

    Parameters
    ----------
    spectra, distributions : DataFrame
        As `earshift.stages.clips.dataset_audit` writes them.

    Returns
    -------
    Figure
        One axes of spectra above one axes for each of `DISTRIBUTIONS`.
    """
    datasets = final_tables.ordered(spectra["dataset"])
    with mpl.rc_context(style.STYLE):
        figure = Figure(figsize=(style.WIDTH_IN, 5.6), layout="constrained")
        axes = figure.subplot_mosaic(
            [["spectrum"] * 3, list(DISTRIBUTIONS)], height_ratios=[1.3, 1]
        )
        _spectra(axes["spectrum"], spectra, datasets)
        for measure, (label, divisor, logarithmic) in DISTRIBUTIONS.items():
            ax = axes[measure]
            for name, look in style.looks(datasets):
                own = distributions["dataset"].eq(name)
                rows = distributions[own & distributions["measure"].eq(measure)]
                ax.plot(rows["value"] / divisor, 100 * rows["quantile"], **look)
            if logarithmic:
                ax.set_xscale("log")
                ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
                ax.xaxis.set_minor_locator(NullLocator())
                ax.xaxis.set_major_formatter(FuncFormatter(_plain))
            ax.set_xlabel(label)
            ax.set_ylim(0, 101)
            _rule(ax)
        first = axes[next(iter(DISTRIBUTIONS))]
        first.set_ylabel("cumulative share of clips (%)")
        marks = [
            Line2D([], [], label=name, **look) for name, look in style.looks(datasets)
        ]
        style.legend(figure, marks)
    return figure


def _spectra(ax: Axes, spectra: pd.DataFrame, datasets: Sequence[str]) -> None:
    for name, look in style.looks(datasets):
        own = spectra[spectra["dataset"].eq(name)]
        hertz = own["centre_hz"]
        ax.fill_between(
            *(hertz, own["lower_db"], own["upper_db"]),
            color=look["color"],
            alpha=0.18,
            lw=0,
        )
        ax.plot(hertz, own["median_db"], **look)
    ax.set_xscale("log")
    ticks = [50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000]
    ax.set_xticks(ticks, [f"{t // 1000}k" if t >= 1000 else str(t) for t in ticks])
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_xlim(45, 22_400)
    ax.set_ylim(LOWEST_DB, 0)
    ax.set_xlabel("centre of the third octave in Hz")
    ax.set_ylabel("level in dB of the whole")
    _rule(ax)


def _plain(value: float, _: int) -> str:
    return f"{value:g}"


def _rule(ax: Axes) -> None:
    ax.grid(color="#E6E6E6", lw=0.6)
    ax.set_axisbelow(True)
