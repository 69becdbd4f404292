"""Tables of stage 7, statistics."""

from earshift import layout
from earshift.tables._table import Column, Table
from earshift.tables.columns import (
    ACCESS,
    CELL,
    CLASS,
    CONDITION,
    DATASET,
    METHOD,
    METRIC,
    MODEL,
    N_CLASSES,
    N_TEST,
    N_TRAIN,
    PARTNER,
    PROTOCOL,
    TEST,
    TRAIN,
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


_TARGET = "for calibration, which has a target"


def _level(name: str, of: str, empty: str = "") -> tuple[Column, Column, Column]:
    return (Column(name, "number", of, empty=empty), *_ends(name, f"`{name}`", empty))


SUMMARY = Table(
    layout.SUMMARY_TABLE,
    "Each protocol, model, condition, method, scope, training dataset, test dataset, "
    "partner, metric and reference; trained on all clips.",
    (
        PROTOCOL,
        *CELL,
        PARTNER,
        ACCESS,
        METRIC,
        N_CLASSES,
        *N_TRAIN,
        *N_TEST,
        Column("value", "number", "The metric, mean over classes.", empty=_UNKNOWN),
        Column("low", "number", "Lower end of its interval.", empty=_UNKNOWN),
        Column("high", "number", "Upper end of its interval.", empty=_UNKNOWN),
        Column(
            "tied_for_best",
            "flag",
            "Whether no method of the same model and direction is better beyond doubt.",
            empty=_TARGET,
        ),
        Column(
            "reference", "text", "Method that this one is compared with.", empty=_PLAIN
        ),
        _change("change", "Change of `value` from the method `reference`.", _CHANGE),
        *_ends("change", "`change`", _CHANGE),
        _change("change_se", "Standard error of `change`.", _CHANGE),
        _change("change_df", "Its degrees of freedom.", _CHANGE),
        _change("p_value", "p-value that the change is zero.", _CHANGE),
        _change(
            "p_holm",
            "`p_value`, corrected by Holm's method for the methods of a model, "
            "direction and metric.",
            _CHANGE,
        ),
        _change("p_holm_all", "`p_value`, corrected for the whole table.", _CHANGE),
        _change(
            "change_low_holm", "As `change_low`, at the level of `p_holm`.", _CHANGE
        ),
        _change(
            "change_high_holm", "As `change_high`, at the level of `p_holm`.", _CHANGE
        ),
        _change(
            "p_equivalent",
            "p-value of the claim that the change is too small to matter (two "
            "one-sided tests).",
            f"{_CHANGE}, and {_TARGET}",
        ),
        _change(
            "p_equivalent_holm",
            "The same, corrected together with `p_holm`.",
            f"{_CHANGE}, and {_TARGET}",
        ),
        _change(
            "p_beyond_holm",
            "Corrected p-value of the claim that the change is large enough to matter.",
            f"{_CHANGE}, and {_TARGET}",
        ),
        Column(
            "verdict",
            "text",
            "What the change amounts to ([report.md](report.md)).",
            empty=f"{_PLAIN}, and {_TARGET}",
        ),
        _change(
            "detectable",
            "Smallest change that would have been found with a probability of 80 %.",
            _CHANGE,
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
    "%.6g",
)

GAPS = Table(
    layout.GAP_TABLE,
    "Each protocol, model, condition, method, scope, metric, and training dataset "
    "that is not the test dataset. `within`, `across`, `gap`, `remaining` and "
    "`recovered` are of training sets of equal size.",
    (
        PROTOCOL,
        *CELL,
        METRIC,
        N_CLASSES,
        *N_TRAIN,
        *N_TEST,
        Column("within", "number", "Of classifiers trained on `test`.", empty=_UNKNOWN),
        Column(
            "across", "number", "Of classifiers trained on `train`.", empty=_UNKNOWN
        ),
        *_level(
            "gap",
            "How much worse `across` is than `within`; of calibration, how much "
            "higher.",
            _UNKNOWN,
        ),
        Column("p_value", "number", "p-value that the gap is zero.", empty=_UNKNOWN),
        Column(
            "p_holm",
            "number",
            "`p_value`, corrected by Holm's method for the gaps of a metric.",
            empty=_UNKNOWN,
        ),
        *_level(
            "remaining",
            "How much worse `across` is than `within` of the method `none`.",
            _UNKNOWN,
        ),
        *_level(
            "recovered",
            "Share of the gap of the method `none` that the method recovers: the "
            "change of `across` from that of `none`, divided by that gap.",
            f"{_PLAIN}, and where the interval of its gap holds 0",
        ),
        *_level(
            "gap_all",
            "The gap of classifiers that were trained on all clips there are.",
            _UNKNOWN,
        ),
        *_level(
            "of_size",
            "`gap_all` minus `gap`: what is due to the sizes of the training sets.",
            _UNKNOWN,
        ),
        Column(
            "n_train_within",
            "number",
            "Training clips of `within` for `gap_all`.",
            empty=_UNKNOWN,
        ),
        Column(
            "n_train_across",
            "number",
            "Training clips of `across` for `gap_all`.",
            empty=_UNKNOWN,
        ),
    ),
    "%.6g",
)

LEARNING_CURVES = Table(
    layout.LEARNING_CURVE_TABLE,
    "Each protocol, model, condition, training dataset, test dataset, partner, metric "
    "and share of the training recordings, of the method `none`.",
    (
        PROTOCOL,
        MODEL,
        CONDITION,
        TRAIN,
        TEST,
        PARTNER,
        METRIC,
        Column("share", "number", "Share of the training recordings."),
        N_CLASSES,
        *N_TRAIN,
        *N_TEST,
        Column("value", "number", "The metric, mean over classes.", empty=_UNKNOWN),
        Column("low", "number", "Lower end of its interval.", empty=_UNKNOWN),
        Column("high", "number", "Upper end of its interval.", empty=_UNKNOWN),
    ),
    "%.6g",
)

NULL_GAPS = Table(
    layout.NULL_GAP_TABLE,
    "Each protocol, model, condition, dataset and metric: the gap between two halves "
    "of the dataset, drawn by recording, of the method `none`. There is none in truth.",
    (
        PROTOCOL,
        MODEL,
        CONDITION,
        DATASET,
        METRIC,
        N_CLASSES,
        *N_TRAIN,
        *N_TEST,
        Column(
            "within",
            "number",
            "Of classifiers trained on the half of the tested clip.",
            empty=_UNKNOWN,
        ),
        Column(
            "across",
            "number",
            "Of classifiers trained on the other half.",
            empty=_UNKNOWN,
        ),
        *_level("gap", "How much worse `across` is than `within`.", _UNKNOWN),
        Column("p_value", "number", "p-value that the gap is zero.", empty=_UNKNOWN),
    ),
    "%.6g",
)

_SHRUNKEN = "drawn towards the mean of the classes, the more the less is known"

CLASS_VALUES = Table(
    layout.CLASS_TABLE,
    "Each protocol, model, condition, method, scope, training dataset, test dataset, "
    "partner, metric and class; trained on all clips.",
    (
        PROTOCOL,
        *CELL,
        PARTNER,
        METRIC,
        CLASS,
        *_level("value", "The metric.", _UNKNOWN),
        *_level("value_shrunken", f"`value`, {_SHRUNKEN}.", _UNKNOWN),
        *_level("change", "Change from the method `none`.", _CHANGE),
        *_level("change_shrunken", f"`change`, {_SHRUNKEN}.", _CHANGE),
        Column("is_worst", "flag", "Whether its `value_shrunken` is the worst."),
    ),
    "%.6g",
)

DIFFERENCES = Table(
    layout.DIFFERENCE_TABLE,
    "Each pair of corrections of a model, and each pair of models without correction, "
    "for each protocol, condition, training dataset, test dataset, partner and metric; "
    "paired, on the same clips and draws.",
    (
        Column("kind", "text", "What is compared: `methods` or `models`."),
        PROTOCOL,
        Column("model", "text", "The model.", empty="where models are compared"),
        CONDITION,
        TRAIN,
        TEST,
        PARTNER,
        METRIC,
        A,
        B,
        Column("scope_a", "text", "Scope of `a`.", empty="where models are compared"),
        Column("scope_b", "text", "Scope of `b`.", empty="where models are compared"),
        Column("difference", "number", "Value of `b` minus that of `a`.", "", _UNKNOWN),
        Column("low", "number", "Lower end of its interval.", empty=_UNKNOWN),
        Column("high", "number", "Upper end of its interval.", empty=_UNKNOWN),
        Column("p_value", "number", "p-value that it is zero.", empty=_UNKNOWN),
        Column(
            "p_holm",
            "number",
            "`p_value`, corrected by Holm's method for the pairs of a direction and "
            "metric.",
            empty=_UNKNOWN,
        ),
    ),
    "%.6g",
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

ALL = (
    SUMMARY,
    GAPS,
    LEARNING_CURVES,
    NULL_GAPS,
    CLASS_VALUES,
    DIFFERENCES,
    DISCREPANCY,
    DISCREPANCY_CURVE,
    DISCREPANCY_NULL,
)
