"""Tables of stage 6, sensitivity."""

from earshift import layout
from earshift.tables._statistics import ends
from earshift.tables._table import Column, Table
from earshift.tables.columns import (
    DATASET,
    METHOD,
    METRIC,
    MODEL,
    N_CLASSES,
    N_TEST,
    N_TRAIN,
)

_FAMILY = Column("family", "text", "The family of conditions.")
_CONDITION = Column(
    "condition",
    "text",
    "The condition, `<family>_<strength>`; in `sensitivity_scores.csv` also `random`, "
    "in which each clip is in one of the strengths.",
    empty="of measures over all strengths",
)
_STRENGTH = Column(
    "strength", "text", "The strength.", empty="of measures over all strengths"
)
_STILL = (
    "where no clip moves; of `monotonicity`, with fewer than three strengths; of "
    "`effective_dimension_centred`, where all move alike"
)
_UNKNOWN = "where no class has clips with and without it in one fold"
_AS_IT_IS = "of `clean to clean`"
_PLAIN = "of the method `none`"

SENSITIVITY = Table(
    layout.SENSITIVITY_TABLE,
    "Each dataset, model, family, strength and measure of how the features of the same "
    "clips move ([sensitivity.md](sensitivity.md#measures)), and for each family its "
    "`monotonicity`. Intervals are for other recordings.",
    (
        DATASET,
        MODEL,
        _FAMILY,
        _CONDITION,
        _STRENGTH,
        Column("measure", "text", "Which measure."),
        Column("value", "number", "Its value.", empty=_STILL),
        Column("low", "number", "Lower end of its interval.", empty=_STILL),
        Column("high", "number", "Upper end of its interval.", empty=_STILL),
        Column(
            "reference",
            "number",
            "What the value is read against: of clips of different recordings, of the "
            "unchanged clips, by chance, or of clips that are assigned at random.",
            empty=f"where there is none, and {_STILL}",
        ),
        Column(
            "p_value",
            "number",
            "How often chance alone gives as high a value, one-sided.",
            empty=f"where it is not tested, and {_STILL}",
        ),
        Column("n_clips", "count", "Clips that are compared."),
        Column("n_recordings", "count", "Their recordings."),
    ),
    "%.6g",
)

SENSITIVITY_SCORES = Table(
    layout.SENSITIVITY_SCORE_TABLE,
    "Each dataset, model, family, method, strength, setting and metric: scores of "
    "held-out clips, mean over classes. Intervals are for other test recordings and, "
    "with `n_refits`, other training recordings.",
    (
        DATASET,
        MODEL,
        _FAMILY,
        METHOD,
        _CONDITION,
        _STRENGTH,
        Column(
            "setting",
            "text",
            "What classifiers are trained on, and what they are tested on: `clean to "
            "clean`, `clean to changed`, `changed to changed` or `changed to clean`.",
        ),
        METRIC,
        N_CLASSES,
        *N_TRAIN,
        *N_TEST,
        Column("value", "number", "The metric.", empty=_UNKNOWN),
        Column("low", "number", "Lower end of its interval.", empty=_UNKNOWN),
        Column("high", "number", "Upper end of its interval.", empty=_UNKNOWN),
        Column(
            "loss",
            "number",
            "How much worse it is than `clean to clean` of the same method; of metrics "
            "with a target, how much higher.",
            empty=f"{_AS_IT_IS}, and {_UNKNOWN}",
        ),
        *ends("loss", "`loss`", f"{_AS_IT_IS}, and {_UNKNOWN}"),
        Column(
            "p_value",
            "number",
            "p-value of no loss, two-sided.",
            empty=f"{_AS_IT_IS}, and {_UNKNOWN}",
        ),
        Column(
            "p_holm",
            "number",
            "The same by Holm's method over all strengths.",
            empty=f"{_AS_IT_IS}, and {_UNKNOWN}",
        ),
        Column(
            "p_equivalent",
            "number",
            "p-value of the claim that the loss is too small to matter (`rope`).",
            empty=f"{_AS_IT_IS}, of metrics with a target, and {_UNKNOWN}",
        ),
        Column(
            "p_equivalent_holm",
            "number",
            "The same by Holm's method, together with `p_holm`.",
            empty=f"{_AS_IT_IS}, of metrics with a target, and {_UNKNOWN}",
        ),
        Column(
            "verdict",
            "text",
            "What the loss amounts to, as in [report.md](report.md#verdicts).",
            empty=f"{_AS_IT_IS}, of metrics with a target, and {_UNKNOWN}",
        ),
        Column(
            "change",
            "number",
            "Value less that of the method `none`.",
            empty=f"{_PLAIN}, and {_UNKNOWN}",
        ),
        *ends("change", "`change`", f"{_PLAIN}, and {_UNKNOWN}"),
        Column(
            "p_change",
            "number",
            "p-value of no change.",
            empty=f"{_PLAIN}, and {_UNKNOWN}",
        ),
        Column(
            "p_change_holm",
            "number",
            "The same by Holm's method over all strengths.",
            empty=f"{_PLAIN}, {_AS_IT_IS}, and {_UNKNOWN}",
        ),
    ),
    "%.6g",
)

ROBUSTNESS = Table(
    layout.ROBUSTNESS_TABLE,
    "Each dataset, model, family, method, side, metric of which more is better, and "
    "fall: the strength from which classifiers of unchanged clips have lost so much on "
    "changed ones.",
    (
        DATASET,
        MODEL,
        _FAMILY,
        METHOD,
        Column(
            "side",
            "text",
            "Whether strengths `higher` or `lower` than what changes nothing.",
        ),
        METRIC,
        Column("fall", "number", "Share of the value of unchanged clips."),
        Column(
            "strength",
            "number",
            "The strength, drawn straight between those that were tried; `inf` if the "
            "fall is not as large in any. Where what changes nothing is no number, and "
            "the weakest strength has fallen already, that.",
            empty=_UNKNOWN,
        ),
        Column(
            "low",
            "number",
            "Weakest strength of its interval: the fall may be as large from there on.",
            empty=_UNKNOWN,
        ),
        Column(
            "high",
            "number",
            "Strongest strength of its interval: from there on the fall is as large "
            "for certain; `inf` if in none that was tried.",
            empty=_UNKNOWN,
        ),
        Column("weakest", "number", "The weakest strength that was tried."),
        Column("strongest", "number", "The strongest."),
    ),
    "%.6g",
)

ALL = (SENSITIVITY, SENSITIVITY_SCORES, ROBUSTNESS)
