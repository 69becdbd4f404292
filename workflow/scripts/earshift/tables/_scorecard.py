"""The scorecard of stage 7."""

from __future__ import annotations

from earshift import layout
from earshift.tables._statistics import PLAIN, ends
from earshift.tables._table import Column, Table
from earshift.tables.columns import ACCESS, CELL, PROTOCOL

_UNKNOWN = "where no class has clips with and without it in one fold"
_CHANGE = f"{PLAIN}, and {_UNKNOWN}"


def _of(metric: str, label: str) -> tuple[Column, ...]:
    """Return the columns of one metric."""
    share = (
        f"Share of the gap in {label}, with training sets of equal size, that the "
        "method wins back."
    )
    no_share = f"{PLAIN}, and where the gap is not told from 0"
    return (
        Column(metric, "number", f"{label} across, mean over classes.", "", _UNKNOWN),
        *ends(metric, f"`{metric}`", _UNKNOWN),
        Column(
            f"{metric}_tied",
            "flag",
            "Whether it is tied for best across: no method is detectably better.",
            empty=_UNKNOWN,
        ),
        Column(
            f"{metric}_change",
            "number",
            "Change across, against `none`.",
            empty=_CHANGE,
        ),
        *ends(f"{metric}_change", f"`{metric}_change`", _CHANGE),
        Column(
            f"{metric}_p_holm",
            "number",
            "Its p-value, corrected (Holm) as in the summary.",
            empty=_CHANGE,
        ),
        Column(f"{metric}_verdict", "text", "The verdict on it.", "", _CHANGE),
        Column(
            f"{metric}_within",
            "number",
            "Change within the training dataset.",
            empty=_CHANGE,
        ),
        *ends(f"{metric}_within", f"`{metric}_within`", _CHANGE),
        Column(f"{metric}_recovered", "number", share, empty=no_share),
        *ends(f"{metric}_recovered", f"`{metric}_recovered`", no_share),
    )


SCORECARD = Table(
    layout.SCORECARD_TABLE,
    "Each protocol, model, condition, method that is no control, scope, and direction "
    "between two datasets; trained on all clips.",
    (
        PROTOCOL,
        *CELL,
        ACCESS,
        *_of("roc_auc", "ROC-AUC"),
        *_of("balanced_accuracy", "Balanced accuracy"),
        Column("n_classes", "count", "Classes whose change is known.", empty=_CHANGE),
        Column(
            "harmed",
            "count",
            "Those of them whose ROC-AUC falls by more than `statistics: rope`.",
            empty=_CHANGE,
        ),
        Column(
            "harmed_surely",
            "count",
            "Those of them whose whole interval lies beyond it.",
            empty=_CHANGE,
        ),
        Column(
            "domain_auc",
            "number",
            "Linear domain AUC of the two datasets after the method.",
            empty="if `domain_auc_linear` was not measured",
        ),
        *ends("domain_auc", "`domain_auc`", "if `domain_auc_linear` was not measured"),
        Column(
            "unbeaten",
            "flag",
            "Whether no other method of this direction is at least as good in both "
            "metrics across and within, asks no more of the target, and is better in "
            "one of these; by the values, whatever their intervals.",
        ),
    ),
    "%.6g",
)
