"""Where the results of the study are that the core does not have.

Paths from the folder of the results, as in `earshift.layout`.
"""

#: What mending each fault of the published code changes, of one model and of all.
CELL_DEVIATIONS = "5_scores/{protocol}/{model}/{condition}.deviations.csv"
CELL_DEVIATION_PARTS = "5_scores/{protocol}/{model}/{condition}.deviations.parts"
DEVIATIONS = "tables/deviations.csv"

TABLE = "tables/study/{table}.csv"
LATEX = "tables/study/{table}.tex"

#: Folder of the figures, and the figures.
FIGURES = "figures/study"
FIGURE = "figures/study/{figure}.svg"
FIGURE_PNG = "figures/study/{figure}.png"
FIGURE_PDF = "figures/study/{figure}.pdf"
