"""Tables of stage 5, decomposition."""

from earshift import layout
from earshift.tables._table import Column, Table
from earshift.tables.columns import (
    CONDITION,
    METRIC,
    MODEL,
    PROTOCOL,
    TEST,
    TRAIN,
)

_NO_TERM = "where it cannot be estimated, as `reason` says"
_NO_CLASS = "of a class, or direction, with too few recordings"

_PLACE = (PROTOCOL, MODEL, CONDITION, TRAIN, TEST)

DECOMPOSITION = Table(
    layout.DECOMPOSITION_TABLE,
    "Each model, condition, training dataset, test dataset, and term of the gap, or of "
    "the loss of the classifiers of a method; of each class, and of the mean over "
    "classes. Values of a gap and of a loss are never to be added "
    "([decomposition.md](decomposition.md)).",
    (
        *_PLACE,
        METRIC,
        Column(
            "n_labels",
            "count",
            "Labelled clips of each class of the term `removed_by_labels`.",
        ),
        Column(
            "of",
            "text",
            "`gap`: how much better classifiers of the test dataset are there; `loss`: "
            "how much worse those of the training dataset are there than at home.",
        ),
        Column(
            "method",
            "text",
            "The correction that removes the term of the gap, or after which labels "
            "remove it, or whose classifiers have the loss.",
            empty="of a gap, where the term is not that of a correction",
        ),
        Column(
            "term",
            "text",
            "Of a gap: `gap` (all of it), `less_data`, `removed`, `removed_by_labels`, "
            "`left`. Of a loss: `loss` (all of it), `label_shares`, `subgroups`, "
            "`x_source`, `y_given_x`, `x_target`, `unsplit`.",
        ),
        Column("class", "text", "The class.", empty="of the mean over classes"),
        Column(
            "value",
            "number",
            "The term, positive where scores get worse. In the mean it counts as 0 for "
            "the classes in which it is not known, so that terms add up.",
            empty=_NO_TERM,
        ),
        Column("low", "number", "Lower end of its interval.", empty=_NO_TERM),
        Column("high", "number", "Upper end of its interval.", empty=_NO_TERM),
        Column(
            "n_source",
            "count",
            "Clips of the training dataset with a known label.",
            empty=_NO_CLASS,
        ),
        Column(
            "n_target",
            "count",
            "Clips of the test dataset with a known label.",
            empty=_NO_CLASS,
        ),
        Column("n_classes", "count", "Classes that the mean is over.", empty=_NO_CLASS),
        Column(
            "effective",
            "number",
            "Smallest effective sample size where the two datasets overlap, as a share "
            "of the clips.",
            empty=f"of a gap, and {_NO_CLASS}",
        ),
        Column(
            "reason",
            "text",
            "Why there is no value.",
            empty="where there is a value, and of the terms of a gap",
        ),
    ),
    "%.6g",
)

_SEPARATED = "where the two datasets do not overlap"

DECOMPOSITION_CHECKS = Table(
    layout.DECOMPOSITION_CHECK_TABLE,
    "Each model, condition, training dataset, test dataset and method: how clips were "
    "weighed in the terms of its loss. Means over repeats.",
    (
        *_PLACE,
        Column("method", "text", "The correction."),
        Column(
            "domain_auc",
            "number",
            "ROC-AUC with which held-out clips of the two datasets are told apart.",
            empty="where that is not known",
        ),
        Column(
            "slope",
            "number",
            "Calibration slope of the domain classifier, before it is calibrated.",
            empty=_SEPARATED,
        ),
        Column(
            "calibration_error",
            "number",
            "Expected calibration error of its probabilities, calibrated.",
            empty=_SEPARATED,
        ),
        Column(
            "effective",
            "number",
            "Smallest effective sample size, as a share of the clips: mean over "
            "classes.",
        ),
    ),
    "%.6g",
)

ALL = (DECOMPOSITION, DECOMPOSITION_CHECKS)
