"""Tables of stage 5, few labels."""

from earshift import layout
from earshift.tables._statistics import ends
from earshift.tables._table import Column, Table
from earshift.tables.columns import (
    CONDITION,
    METHOD,
    METRIC,
    MODEL,
    N_CLASSES,
    N_TEST,
    N_TRAIN,
    PROTOCOL,
    TEST,
    TRAIN,
)

_UNKNOWN = "where no class has clips with and without it in one fold"
_ALONE = "without labelled clips"

_WAY = Column(
    "way",
    "text",
    "How much the labelled clips count: together as much as the source (`balanced`), "
    "or each as one clip of it (`pooled`).",
)
_CHOICE = Column(
    "choice",
    "text",
    "How they were chosen: at `random`, the same number of each class; or those whose "
    "classes the classifiers waver between most (`uncertainty`), as many in all.",
)

LABEL_CURVES = Table(
    layout.LABEL_CURVE_TABLE,
    "Each model, condition, training dataset, test dataset, method, way, choice and "
    "metric, and each number of labelled clips of the test dataset that train, too. "
    "Intervals are for other test recordings and other draws of folds and clips.",
    (
        PROTOCOL,
        MODEL,
        CONDITION,
        TRAIN,
        TEST,
        METHOD,
        _WAY,
        _CHOICE,
        METRIC,
        Column(
            "n_labels",
            "count",
            "Labelled clips per class. Of a class that has fewer, all are labelled.",
        ),
        N_CLASSES,
        *N_TRAIN,
        *N_TEST,
        Column("value", "number", "The metric, mean over classes.", empty=_UNKNOWN),
        Column("low", "number", "Lower end of its interval.", empty=_UNKNOWN),
        Column("high", "number", "Upper end of its interval.", empty=_UNKNOWN),
        Column(
            "change",
            "number",
            "Value less that without labelled clips.",
            empty=f"{_ALONE}, and {_UNKNOWN}",
        ),
        *ends("change", "`change`", f"{_ALONE}, and {_UNKNOWN}"),
    ),
    "%.6g",
)

LABEL_VALUES = Table(
    layout.LABEL_VALUE_TABLE,
    "Each model, condition, training dataset, test dataset, way, choice, metric, and "
    "method but `none`: the labelled clips per class that `none` needs to do as "
    "well on the test dataset as the method does without any.",
    (
        PROTOCOL,
        MODEL,
        CONDITION,
        TRAIN,
        TEST,
        METHOD,
        _WAY,
        _CHOICE,
        METRIC,
        Column(
            "value",
            "number",
            "Labelled clips per class, drawn straight between the numbers that were "
            "tried; `inf` if the largest is not enough.",
            empty=_UNKNOWN,
        ),
        *ends(
            "value",
            "`value`: it holds the numbers with which the two do not differ",
            _UNKNOWN,
        ),
        Column("most", "count", "The largest number that was tried."),
    ),
    "%.6g",
)

ALL = (LABEL_CURVES, LABEL_VALUES)
