"""Where the results of the study are that the core does not have.

Paths from the folder of the results, as in `earshift.layout`.
"""

from earshift.layout import CELL_DEVIATIONS, DEVIATIONS

__all__ = [
    "CELL_DEVIATIONS",
    "CELL_DEVIATION_PARTS",
    "DEVIATIONS",
    "FIGURE",
    "FIGURES",
    "FIGURE_PDF",
    "FIGURE_PNG",
    "LATEX",
    "TABLE",
]

#: Results of the tasks behind `CELL_DEVIATIONS`.
CELL_DEVIATION_PARTS = "5_scores/{protocol}/{model}/{condition}.deviations.parts"

TABLE = "tables/study/{table}.csv"
LATEX = "tables/study/{table}.tex"

#: Folder of the figures, and the figures.
FIGURES = "figures/study"
FIGURE = "figures/study/{figure}.svg"
FIGURE_PNG = "figures/study/{figure}.png"
FIGURE_PDF = "figures/study/{figure}.pdf"
