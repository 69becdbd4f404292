"""Tables of stage 5, scores."""

from earshift import layout
from earshift.tables._table import Column, Table
from earshift.tables.columns import CELL, CLASS, N_CLASSES, PROTOCOL

_NO_PAIR = "where no fold tests clips with and without the class"
_NO_CLIP = "where no tested clip has the class"

SCORES = Table(
    layout.SCORE_TABLE,
    "Each class of each protocol, model, condition, method, scope, training dataset, "
    "test dataset and repeat. `5_scores/<protocol>/<model>/<condition>.csv` has the "
    "rows of one model and condition.",
    (
        PROTOCOL,
        *CELL,
        CLASS,
        Column("repeat", "count", "Number of the repeat, from 0."),
        Column(
            "roc_auc",
            "number",
            "ROC-AUC: share of pairs of a clip with the class and one without, of the "
            "same fold, that are in the right order.",
            empty=_NO_PAIR,
        ),
        Column(
            "average_precision",
            "number",
            "Average precision, the mean over folds, weighted by their clips with the "
            "class.",
            empty=_NO_CLIP,
        ),
        Column("accuracy", "number", "Share of clips that are classified correctly."),
        Column(
            "precision",
            "number",
            "Share of clips that have the class among those that are said to; 0 if "
            "none is.",
        ),
        Column(
            "recall",
            "number",
            "Share of clips that are said to have the class among those that do.",
            empty=_NO_CLIP,
        ),
        Column("f1", "number", "Harmonic mean of precision and recall."),
        Column("n_positive", "count", "Tested clips that have the class."),
        Column("n_test", "count", "Tested clips."),
    ),
    "%.6f",
)

_FAULT = Column(
    "fault",
    "text",
    "The fault of the published code that is corrected ([study.md](study.md)).",
)

FAULT_SCORES = Table(
    layout.CELL_DEVIATIONS,
    "Each class of each fault, method, scope, training dataset and test dataset, with "
    "`deviations: true`.",
    (
        _FAULT,
        *CELL,
        CLASS,
        Column("roc_auc", "number", "ROC-AUC, mean over repeats.", empty=_NO_PAIR),
    ),
    "%.6f",
)

DEVIATIONS = Table(
    layout.DEVIATIONS,
    "Each fault, model, condition, method, scope, training dataset and test dataset, "
    "with `deviations: true`. The last rows have all faults corrected.",
    (
        _FAULT,
        *CELL,
        N_CLASSES,
        Column(
            "roc_auc", "number", "ROC-AUC with the fault corrected, mean over classes."
        ),
        Column("change", "number", "Change of that from the protocol `paper`."),
    ),
    "%.6f",
)

ALL = (SCORES, FAULT_SCORES, DEVIATIONS)
