"""Tables of stage 4, splits."""

from earshift import layout
from earshift.tables._table import Column, Table
from earshift.tables.columns import CLASS, DATASET, A

CLASSES = Table(
    layout.CLASSES,
    "Each class of any dataset, in each dataset.",
    (
        CLASS,
        DATASET,
        Column("n_present", "count", "Clips that have it."),
        Column("n_absent", "count", "Clips that lack it."),
        Column("n_unknown", "count", "Clips of which that is not known."),
        Column("recordings_present", "count", "Recordings of the clips that have it."),
        Column("recordings_absent", "count", "Recordings of the clips that lack it."),
        Column(
            "n_negatives",
            "count",
            "Of the clips that have it, those that have no class in use and are "
            "known to lack one: they train and test as clips without that one.",
        ),
        Column("used", "flag", "Whether the experiment uses the class."),
        Column(
            "near",
            "text",
            "A name of this dataset that may mean the same class.",
            empty="if there is none, or the dataset has the class",
        ),
        Column("reason", "text", "Why the class is not used.", empty="if it is used"),
    ),
)


def _n(name: str, meaning: str) -> Column:
    return Column(name, "count", meaning)


SHARED = Table(
    layout.SHARED,
    "Each two datasets with recordings in common, each reason for that, and each fold "
    "of each repeat that tests some of them.",
    (
        A,
        Column(
            "b",
            "text",
            "Name of the other dataset, or `a` again: recordings of one dataset that "
            "hold copies of each other's clips.",
        ),
        Column(
            "why",
            "text",
            "`recording` if both have a recording of the same name, `copy` if copies "
            "alone connect them.",
        ),
        _n("repeat", "Number of the repeat, from 0."),
        _n("fold", "Number of the fold, from 0."),
        _n("groups", "Groups of connected recordings that the fold tests."),
        _n("tested_a", "Clips of these groups in `a` that are tested."),
        _n(
            "tested_b", "Clips of these groups in `b` that are tested; 0 if `b` is `a`."
        ),
        _n(
            "left_out_a",
            "Clips of these groups in `a` that neither train nor are tested.",
        ),
        _n(
            "left_out_b",
            "Clips of these groups in `b` that neither train nor are tested; 0 if `b` "
            "is `a`.",
        ),
    ),
)

ALL = (CLASSES, SHARED)
