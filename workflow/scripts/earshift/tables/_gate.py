"""The table of what is chosen without labels of the target, of stage 7."""

from __future__ import annotations

from earshift import layout
from earshift.tables._statistics import ends
from earshift.tables._table import Column, Table
from earshift.tables.columns import CONDITION, METRIC, MODEL, PROTOCOL, TEST, TRAIN

_OTHER = "for rules that do not look at other datasets, and where there are no others"
_NONE = "if `none` is chosen"

GATE = Table(
    layout.GATE_TABLE,
    "Each protocol, model, condition, direction between two of three datasets or more, "
    "metric, and rule by which a correction is chosen; empty with two datasets.",
    (
        PROTOCOL,
        MODEL,
        CONDITION,
        TRAIN,
        TEST,
        METRIC,
        Column(
            "rule",
            "text",
            "`leave one dataset out`, or a score that needs no label (`entropy`, "
            "`average thresholded confidence`, `soft neighbourhood density`).",
        ),
        Column("decides", "flag", "Whether it is the rule of the gate."),
        Column("chosen", "text", "The correction that it chooses, or `none`."),
        Column(
            "candidate",
            "text",
            "The correction that gained most between the other datasets.",
            empty=_OTHER,
        ),
        Column("expected", "number", "What it gained there, the mean.", empty=_OTHER),
        Column(
            "expected_low",
            "number",
            "Lower end of the interval of `expected`, corrected for the number of "
            "candidates: the correction is taken if it is above 0.",
            empty=_OTHER,
        ),
        Column("expected_high", "number", "Its upper end.", empty=_OTHER),
        Column("n_directions", "count", "Directions that it is of.", empty=_OTHER),
        Column(
            "change",
            "number",
            "What the chosen correction gains on the target, against `none`: below 0 "
            "it is worse.",
        ),
        *ends("change", "`change`", _NONE),
        Column("best", "text", "The correction that gains most there, or `none`."),
        Column("best_change", "number", "What that gains."),
        Column("regret", "number", "`best_change` less `change`."),
    ),
    "%.6g",
)
