"""Tables of stage 7 that are of measures of discrepancy."""

from earshift import layout
from earshift.tables._statistics import PLAIN, ends
from earshift.tables._table import Column, Table
from earshift.tables.columns import ACCESS, CONDITION, DATASET, METHOD, MODEL, A, B

_FEW = "if too few recordings are measured"
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
            empty=PLAIN,
        ),
        *ends("change", "`change`", PLAIN),
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

ALL = (DISCREPANCY, DISCREPANCY_CURVE, DISCREPANCY_NULL)
