"""Tables of stage 7, statistics."""

from earshift import layout
from earshift.tables._table import Column, Table
from earshift.tables.columns import (
    ACCESS,
    CELL,
    CONDITION,
    DATASET,
    METHOD,
    MODEL,
    N_CLASSES,
    PROTOCOL,
    A,
    B,
)

_UNKNOWN = "where no class has clips with and without it in one fold"
_PLAIN = "for the method `none`"
_CHANGE = f"{_PLAIN}, and {_UNKNOWN}"
_ALIKE = f"{_PLAIN}, with one class, and if all classes change alike"
_FEW = "if too few recordings are measured"


def _ends(name: str, of: str, empty: str = "") -> tuple[Column, Column]:
    return (
        Column(
            f"{name}_low", "number", f"Lower end of the interval of {of}.", "", empty
        ),
        Column(
            f"{name}_high", "number", f"Upper end of the interval of {of}.", "", empty
        ),
    )


def _change(name: str, meaning: str, empty: str = _PLAIN) -> Column:
    return Column(name, "number", meaning, empty=empty)


SUMMARY = Table(
    layout.SUMMARY_TABLE,
    "Each protocol, model, condition, method, scope, training dataset, test dataset "
    "and reference.",
    (
        PROTOCOL,
        *CELL,
        ACCESS,
        N_CLASSES,
        Column("roc_auc", "number", "ROC-AUC, mean over classes.", empty=_UNKNOWN),
        *_ends("roc_auc", "`roc_auc`", _UNKNOWN),
        _change("change", "Change of `roc_auc` from the method `reference`.", _CHANGE),
        *_ends("change", "`change`", _CHANGE),
        _change("p_value", "p-value that the change is zero, by the bootstrap."),
        _change("p_holm", "`p_value`, corrected by Holm's method."),
        Column(
            "verdict",
            "text",
            "What the change amounts to ([report.md](report.md)).",
            empty=_PLAIN,
        ),
        Column(
            "reference", "text", "Method that this one is compared with.", empty=_PLAIN
        ),
        _change(
            "change_low_classes",
            "As `change_low`, where classes are drawn, too.",
            _CHANGE,
        ),
        _change(
            "change_high_classes",
            "As `change_high`, where classes are drawn, too.",
            _CHANGE,
        ),
        _change("t", "Student's t of the changes of the classes.", _ALIKE),
        _change("p_t", "p-value of `t`, two-sided.", _ALIKE),
        _change("p_t_holm", "`p_t`, corrected by Holm's method.", _ALIKE),
    ),
    "%.6f",
)

GAPS = Table(
    layout.GAP_TABLE,
    "Each protocol, model, condition, method, scope, and training dataset that is not "
    "the test dataset.",
    (
        PROTOCOL,
        *CELL,
        Column(
            "within",
            "number",
            "ROC-AUC of classifiers trained on `test`.",
            empty=_UNKNOWN,
        ),
        Column(
            "across",
            "number",
            "ROC-AUC of classifiers trained on `train`.",
            empty=_UNKNOWN,
        ),
        Column("gap", "number", "`within` minus `across`.", empty=_UNKNOWN),
        *_ends("gap", "`gap`", _UNKNOWN),
        Column(
            "remaining",
            "number",
            "`within` of the method `none` minus `across` of this one.",
            empty=_UNKNOWN,
        ),
        *_ends("remaining", "`remaining`", _UNKNOWN),
        Column("p_value", "number", "p-value that the gap is zero, by the bootstrap."),
    ),
    "%.6f",
)

_NULL = "if a measure returns null values: values of datasets that differ by chance"
_FIXED = "for measures that return none"
_MEASURE = Column("measure", "text", "Name of the measure in the experiment.")
_VALUE = (
    Column("value", "number", "The measure, in its own unit.", empty=_FEW),
    Column("low", "number", "Lower end of its interval.", empty=_FEW),
    Column("high", "number", "Upper end of its interval.", empty=_FEW),
)


def _of_each(what: str, meaning: str) -> tuple[Column, Column]:
    return (
        Column(f"{what}_a", "count", meaning.format("a")),
        Column(f"{what}_b", "count", meaning.format("b")),
    )


DISCREPANCY = Table(
    layout.DISCREPANCY_TABLE,
    "Each model, condition, method, measure and pair of datasets.",
    (
        MODEL,
        CONDITION,
        METHOD,
        ACCESS,
        _MEASURE,
        A,
        B,
        *_of_each("n", "Clips of `{}` that are measured in each half."),
        *_of_each(
            "n_recordings", "Recordings of these clips, the mean over halves, rounded."
        ),
        *_VALUE,
        Column(
            "change",
            "number",
            "Change of `value` from the method `none`.",
            empty=_PLAIN,
        ),
        *_ends("change", "`change`", _PLAIN),
        Column(
            "p_value",
            "number",
            "How often chance makes equal datasets as different, one-sided.",
            empty=_FEW,
        ),
        Column(
            "detected",
            "flag",
            "Whether the one-sided bound of `value` lies beyond what equal datasets "
            "give: `p_value` is at most one minus the confidence.",
        ),
        Column(
            "null",
            "number",
            "Mean of the null values, or the value of equal datasets.",
            only=_NULL,
        ),
        Column("null_low", "number", "Lower end of their interval.", "", _FIXED, _NULL),
        Column(
            "null_high", "number", "Upper end of their interval.", "", _FIXED, _NULL
        ),
    ),
    "%.6f",
)

DISCREPANCY_CURVE = Table(
    layout.DISCREPANCY_CURVE,
    "Each model, condition, measure that scores clips, pair of datasets and number of "
    "clips, without correction.",
    (
        MODEL,
        CONDITION,
        _MEASURE,
        A,
        B,
        Column("n", "count", "Clips of each dataset that are measured in each half."),
        *_VALUE,
    ),
    "%.6f",
)

DISCREPANCY_NULL = Table(
    layout.DISCREPANCY_NULL,
    "Each model, condition, measure and dataset, of which one half is measured against "
    "the other, without correction.",
    (
        MODEL,
        CONDITION,
        _MEASURE,
        DATASET,
        Column("n", "count", "Clips of each half that are measured."),
        *_VALUE,
    ),
    "%.6f",
)

ALL = (SUMMARY, GAPS, DISCREPANCY, DISCREPANCY_CURVE, DISCREPANCY_NULL)
