"""Tables of stage 5, scores."""

from earshift import layout
from earshift.tables._table import Column, Table
from earshift.tables.columns import (
    CELL,
    CLASS,
    N_CLASSES,
    N_TEST,
    N_TRAIN,
    PARTNER,
    PROTOCOL,
    SAMPLE,
)

_NO_PAIR = "where no fold tests clips with and without the class"
_NO_KIND = "where not both kinds of clips are tested"
_NO_FIT = f"{_NO_KIND}, or scores tell all of them apart"
_NO_CLIP = "where no tested clip has the class"

SCORES = Table(
    layout.SCORE_TABLE,
    "Each class of each protocol, model, condition, method, scope, training dataset, "
    "test dataset and repeat. `5_scores/<protocol>/<model>/<condition>.csv` has the "
    "rows of one model and condition.",
    (
        PROTOCOL,
        *CELL,
        SAMPLE,
        PARTNER,
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
            "class. It depends on the share of these.",
            empty=_NO_CLIP,
        ),
        Column(
            "average_precision_balanced",
            "number",
            "The same as if half of the clips had the class.",
            empty=_NO_PAIR,
        ),
        Column(
            "balanced_accuracy",
            "number",
            "Mean of the shares of clips with the class, and of clips without, that "
            "are classified correctly at the threshold of log-odds 0.",
            empty=_NO_KIND,
        ),
        Column(
            "balanced_accuracy_chosen",
            "number",
            "The same at the threshold that the training data chose.",
            empty=_NO_KIND,
        ),
        Column(
            "brier",
            "number",
            "Brier score: mean squared error of the probability, clips with and "
            "without the class weighing the same.",
            empty=_NO_KIND,
        ),
        Column(
            "log_loss",
            "number",
            "Logarithmic loss, likewise, with the natural logarithm.",
            empty=_NO_KIND,
        ),
        Column(
            "calibration_intercept",
            "number",
            "What has to be added to all log-odds.",
            empty=_NO_FIT,
        ),
        Column(
            "calibration_slope",
            "number",
            "What log-odds have to be multiplied by; below 1 where they are too sure.",
            empty=_NO_FIT,
        ),
        Column(
            "expected_calibration_error",
            "number",
            "Mean distance of probability and share of clips with the class, in ten "
            "bins.",
            empty=_NO_KIND,
        ),
        Column(
            "accuracy",
            "number",
            "Share of clips that are classified correctly. It depends on the share of "
            "clips with the class.",
        ),
        Column(
            "precision",
            "number",
            "Share of clips that have the class among those that are said to; 0 if "
            "none is. It depends on the share of clips with the class.",
        ),
        Column(
            "recall",
            "number",
            "Share of clips that are said to have the class among those that do.",
            empty=_NO_CLIP,
        ),
        Column(
            "f1",
            "number",
            "Harmonic mean of precision and recall. It depends on the share of clips "
            "with the class.",
        ),
        Column("n_positive", "count", "Tested clips that have the class."),
        *N_TEST,
        *N_TRAIN,
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
