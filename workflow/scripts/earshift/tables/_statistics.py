"""Tables of stage 7, statistics."""

from earshift import layout
from earshift.tables._table import Column, Table
from earshift.tables.columns import (
    ACCESS,
    CELL,
    CLASS,
    CONDITION,
    DATASET,
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
#: When columns of changes are empty.
PLAIN = "for the method `none`"
_CHANGE = f"{PLAIN}, and {_UNKNOWN}"
_HOLM = f"{PLAIN}, for controls, and {_UNKNOWN}"
_ALIKE = f"{PLAIN}, with one class, and if all classes change alike"


def ends(name: str, of: str, empty: str = "") -> tuple[Column, Column]:
    """Return the columns of the ends of an interval."""
    return (
        Column(
            f"{name}_low", "number", f"Lower end of the interval of {of}.", "", empty
        ),
        Column(
            f"{name}_high", "number", f"Upper end of the interval of {of}.", "", empty
        ),
    )


def _change(name: str, meaning: str, empty: str = PLAIN) -> Column:
    return Column(name, "number", meaning, empty=empty)


_TARGET = "for calibration, which has a target"


def _level(name: str, of: str, empty: str = "") -> tuple[Column, Column, Column]:
    return (Column(name, "number", of, empty=empty), *ends(name, f"`{name}`", empty))


def _p_values(name: str, family: str, empty: str) -> tuple[Column, Column]:
    own = f"p_{name}"
    return (
        Column(own, "number", f"p-value that `{name}` is zero.", empty=empty),
        Column(
            f"{own}_holm",
            "number",
            f"`{own}`, corrected by Holm's method for {family}.",
            empty=empty,
        ),
    )


SUMMARY = Table(
    layout.SUMMARY_TABLE,
    "Each protocol, model, condition, method, scope, training dataset, test dataset, "
    "partner, metric and reference; trained on all clips.",
    (
        PROTOCOL,
        *CELL,
        PARTNER,
        ACCESS,
        Column(
            "is_control",
            "flag",
            "Whether the method is a control: it corrects nothing.",
        ),
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
            "Whether no method of the same model and direction is better beyond doubt; "
            "controls do not count.",
            empty=f"for controls, and {_TARGET}",
        ),
        Column(
            "reference", "text", "Method that this one is compared with.", empty=PLAIN
        ),
        _change("change", "Change of `value` from the method `reference`.", _CHANGE),
        *ends("change", "`change`", _CHANGE),
        _change("change_se", "Standard error of `change`.", _CHANGE),
        _change("change_df", "Its degrees of freedom.", _CHANGE),
        _change("p_value", "p-value that the change is zero.", _CHANGE),
        _change(
            "p_holm",
            "`p_value`, corrected by Holm's method for the corrections of a model, "
            "direction and metric.",
            _HOLM,
        ),
        _change("p_holm_all", "`p_value`, corrected for the whole table.", _HOLM),
        _change("change_low_holm", "As `change_low`, at the level of `p_holm`.", _HOLM),
        _change(
            "change_high_holm", "As `change_high`, at the level of `p_holm`.", _HOLM
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
            f"{_HOLM}, and {_TARGET}",
        ),
        _change(
            "p_beyond_holm",
            "Corrected p-value of the claim that the change is large enough to matter.",
            f"{_HOLM}, and {_TARGET}",
        ),
        Column(
            "verdict",
            "text",
            "What the change amounts to ([report.md](report.md)).",
            empty=f"{PLAIN}, for controls, and {_TARGET}",
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
        _change(
            "p_t_holm",
            "`p_t`, corrected by Holm's method.",
            f"{_ALIKE}, and for controls",
        ),
    ),
    "%.6g",
)

GAPS = Table(
    layout.GAP_TABLE,
    "Each protocol, model, condition, method, scope, metric, and training dataset "
    "that is not the test dataset. `within`, `across`, `gap`, `remaining`, `gain` and "
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
        Column("gap_se", "number", "Standard error of `gap`.", empty=_UNKNOWN),
        Column("gap_df", "number", "Its degrees of freedom.", empty=_UNKNOWN),
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
        *_p_values("remaining", "the gaps of a metric", _UNKNOWN),
        *_level(
            "gain",
            "How much better `across` is than that of the method `none`.",
            _CHANGE,
        ),
        *_p_values("gain", "the corrections of a model, direction and metric", _HOLM),
        *_level(
            "recovered",
            "Share of the gap of the method `none` that the method recovers: the "
            "change of `across` from that of `none`, divided by that gap.",
            f"{PLAIN}, and where the interval of its gap holds 0",
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
        *_p_values("of_size", "the gaps of a metric", _UNKNOWN),
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

_NO_SCALE = (
    "where the controls do not differ (the interval of `span` holds 0), and where it "
    "is unknown"
)

RESCALED = Table(
    layout.RESCALED_TABLE,
    "Each protocol, model, condition, method, scope, training dataset, test dataset, "
    "partner and metric without a target, where at least two controls ran: the score "
    "on the scale between the worst control (0) and the best (1), which have no rows; "
    "trained on all clips.",
    (
        PROTOCOL,
        *CELL,
        PARTNER,
        METRIC,
        N_CLASSES,
        *N_TRAIN,
        *N_TEST,
        Column("value", "number", "The metric, mean over classes.", empty=_UNKNOWN),
        *_level(
            "rescaled",
            "`value` less that of `worst_control`, over `span`: of the classes that "
            "all three know.",
            _NO_SCALE,
        ),
        Column("worst_control", "text", "The control with the worst value."),
        Column("best_control", "text", "The control with the best value."),
        *_level(
            "span",
            "Value of `best_control` minus that of `worst_control`, of the same "
            "classes.",
            _UNKNOWN,
        ),
    ),
    "%.6g",
)

ALL = (
    SUMMARY,
    GAPS,
    LEARNING_CURVES,
    NULL_GAPS,
    CLASS_VALUES,
    DIFFERENCES,
    RESCALED,
)
