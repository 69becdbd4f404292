"""The CSV files of the results: each is declared here, and written and read by that.

A declaration says what a table has rows for, and name, type, unit and meaning of each
column. `Table.write` refuses anything else, and docs/tables.md prints it. What a study
writes is declared in its own folder.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from earshift.tables import (
    _clips,
    _decomposition,
    _discrepancies,
    _embeddings,
    _few_labels,
    _plan,
    _scores,
    _sensitivity,
    _splits,
    _statistics,
)
from earshift.tables._clips import (
    AUDIT,
    BOTH_SIDES,
    CLIP_AUDIT,
    COUNTS,
    CUE_SCORES,
    DUPLICATES,
    FORMATS,
    PERCENTILES,
    SPECTRA,
)
from earshift.tables._decomposition import DECOMPOSITION, DECOMPOSITION_CHECKS
from earshift.tables._discrepancies import (
    DISCREPANCY,
    DISCREPANCY_CURVE,
    DISCREPANCY_NULL,
)
from earshift.tables._embeddings import PADDING, SKIPPED, STORE_AUDIT
from earshift.tables._few_labels import LABEL_CURVES, LABEL_VALUES
from earshift.tables._gate import GATE
from earshift.tables._plan import PLAN
from earshift.tables._scorecard import SCORECARD
from earshift.tables._scores import DEVIATIONS, FAULT_SCORES, SCORES
from earshift.tables._sensitivity import (
    ROBUSTNESS,
    SENSITIVITY,
    SENSITIVITY_SCORES,
)
from earshift.tables._splits import CLASSES, SHARED
from earshift.tables._statistics import (
    CLASS_VALUES,
    DIFFERENCES,
    GAPS,
    LEARNING_CURVES,
    NULL_GAPS,
    RESCALED,
    SUMMARY,
)
from earshift.tables._table import TYPES, Column, Table

#: What writes them -> all tables of the core.
ALL: Mapping[str, tuple[Table, ...]] = MappingProxyType(
    {
        "Before the stages": _plan.ALL,
        "Stage 1, clips": _clips.ALL,
        "Stages 2 and 3, embeddings and features": _embeddings.ALL,
        "Stage 4, splits": _splits.ALL,
        "Stage 5, scores": _scores.ALL,
        "Stage 5, few labels": _few_labels.ALL,
        "Stage 5, decomposition": _decomposition.ALL,
        "Stage 6, sensitivity": _sensitivity.ALL,
        "Stage 7, statistics": (
            *_statistics.ALL,
            *_discrepancies.ALL,
            SCORECARD,
            GATE,
        ),
    }
)

__all__ = [
    "ALL",
    "AUDIT",
    "BOTH_SIDES",
    "CLASSES",
    "CLASS_VALUES",
    "CLIP_AUDIT",
    "COUNTS",
    "CUE_SCORES",
    "DECOMPOSITION",
    "DECOMPOSITION_CHECKS",
    "DEVIATIONS",
    "DIFFERENCES",
    "DISCREPANCY",
    "DISCREPANCY_CURVE",
    "DISCREPANCY_NULL",
    "DUPLICATES",
    "FAULT_SCORES",
    "FORMATS",
    "GAPS",
    "GATE",
    "LABEL_CURVES",
    "LABEL_VALUES",
    "LEARNING_CURVES",
    "NULL_GAPS",
    "PADDING",
    "PERCENTILES",
    "PLAN",
    "RESCALED",
    "ROBUSTNESS",
    "SCORECARD",
    "SCORES",
    "SENSITIVITY",
    "SENSITIVITY_SCORES",
    "SHARED",
    "SKIPPED",
    "SPECTRA",
    "STORE_AUDIT",
    "SUMMARY",
    "TYPES",
    "Column",
    "Table",
]
