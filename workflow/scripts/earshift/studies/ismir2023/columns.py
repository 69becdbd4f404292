"""The study's own tables: what they have rows for, and what their columns mean."""

from earshift.studies.ismir2023 import layout
from earshift.tables import Column, Table
from earshift.tables.columns import (
    CELL,
    CLASS,
    CONDITION,
    DATASET,
    METHOD,
    MODEL,
    N_CLASSES,
    PROTOCOL,
    SCOPE,
    TRAIN,
)

_FORMAT = "%.6f"

#: The protocols side by side, of which `published` is one.
_SIDES = "The protocol is in the name: those of the experiment, and `published`."

_LACKS = "where the protocol has no such row"


def _points(name: str, meaning: str, empty: str = "", only: str = "") -> Column:
    """Return a column of ROC-AUC times 100."""
    return Column(name, "number", meaning, "points", empty, only)


def _of_protocols(over: str) -> Column:
    return _points(
        "roc_auc_{protocol}", f"ROC-AUC, mean over {over}. {_SIDES}", empty=_LACKS
    )


_DIFFERENCE = _points(
    "difference_{protocol}",
    "`roc_auc_{protocol}` minus `roc_auc_published`.",
    empty="where either is",
    only="if any of the rows were published",
)

MAIN = Table(
    layout.TABLE.format(table="main"),
    "Each model, condition, method, scope, training dataset and test dataset.",
    (
        *CELL,
        _of_protocols("classes and repeats"),
        _points(
            "change_{protocol}",
            "Change of `roc_auc_{protocol}` from the method `none`.",
            empty=_LACKS,
        ),
        _DIFFERENCE,
    ),
    _FORMAT,
)

CLASSES = Table(
    layout.TABLE.format(table="classes"),
    "Each class of each model, condition, method, scope, training dataset and test "
    "dataset.",
    (*CELL, CLASS, _of_protocols("repeats"), _DIFFERENCE),
    _FORMAT,
)

_SAME = "if there is one class, or all change alike"

TESTS = Table(
    layout.TABLE.format(table="tests"),
    "Each protocol, model, condition, method, scope, training dataset that is not the "
    "test dataset, and reference.",
    (
        PROTOCOL,
        *CELL,
        Column("reference", "text", "Method that this one is compared with."),
        N_CLASSES,
        _points("change", "Change of ROC-AUC, mean over classes."),
        _points("lowest", "Lowest change of a class."),
        Column("lowest_class", "text", "That class."),
        _points("highest", "Highest change of a class."),
        Column("highest_class", "text", "That class."),
        Column("t", "number", "Student's t of the changes of the classes.", "", _SAME),
        Column("p_value", "number", "p-value of `t`, two-sided.", "", _SAME),
        Column(
            "p_holm",
            "number",
            "`p_value`, corrected by Holm's method for all rows of the protocol, "
            "condition, scope and reference.",
            "",
            _SAME,
        ),
    ),
    _FORMAT,
)

FAULTS = Table(
    layout.TABLE.format(table="deviations"),
    "Each fault of the published code, with `deviations: true`.",
    (
        Column("fault", "text", "The fault that is corrected ([study.md](study.md))."),
        Column("n_cells", "count", "Rows of tables/deviations.csv that it has."),
        Column("n_classes", "count", "Fewest classes of any of these rows."),
        _points(
            "within", "Mean change where both datasets are one.", empty="if none are"
        ),
        _points(
            "across", "Mean change where the two datasets differ.", empty="if none do"
        ),
        _points("largest", "The change of the row that changes most, with its sign."),
        Column("largest_cell", "text", "That row, in words."),
    ),
    _FORMAT,
)

GENRES = Table(
    layout.TABLE.format(table="genres"),
    "Each genre at each stage of each dataset and protocol.",
    (
        PROTOCOL,
        DATASET,
        Column("stage", "text", "`all clips`, `training clips` or `balanced`."),
        Column("subgroup", "text", "The genre, or `no genre of these`."),
        Column("n_clips", "number", "Clips; of balanced ones the mean over repeats."),
    ),
    _FORMAT,
)

SAMPLES = Table(
    layout.TABLE.format(table="samples"),
    "Each class of each dataset and protocol.",
    (
        PROTOCOL,
        DATASET,
        CLASS,
        Column("n_train", "count", "Training clips that have the class."),
        Column(
            "n_drawn",
            "number",
            "Those that are drawn for it, mean over repeats.",
            empty="where the protocol draws no clips",
            only="if any protocol draws clips",
        ),
    ),
    _FORMAT,
)

COSINES = Table(
    layout.TABLE.format(table="cosines"),
    "Each protocol, model, condition, method, scope, training dataset and class; then "
    "what was published.",
    (
        *(PROTOCOL, MODEL, CONDITION, METHOD, SCOPE),
        TRAIN,
        CLASS,
        Column(
            "cosine",
            "number",
            "Cosine of the direction between the datasets and the weights of the "
            "class, mean over repeats and folds.",
            empty="if either is 0, or they are not in one space",
        ),
    ),
    _FORMAT,
)

RANKS = Table(
    layout.TABLE.format(table="ranks"),
    "Each singular value of the stacked unit directions of the genres, of each "
    "protocol, model, condition, method, scope and class.",
    (
        *(PROTOCOL, MODEL, CONDITION, METHOD, SCOPE),
        Column("class", "text", "The class.", empty="if the directions hold for all"),
        Column("genres", "count", "Directions that are stacked."),
        Column("place", "count", "Place of the value, 1 for the largest."),
        Column(
            "value",
            "number",
            "The value, mean over training datasets, repeats and folds: 1 for "
            "orthogonal directions, 0 for one that the others span.",
        ),
    ),
    _FORMAT,
)

ALL = (MAIN, CLASSES, TESTS, FAULTS, GENRES, SAMPLES, COSINES, RANKS)
