"""Tables of stages 2 and 3, embeddings and features."""

from earshift import layout
from earshift.tables._table import Column, Table
from earshift.tables.columns import CONDITION, DATASET, MODEL

PADDING = Table(
    layout.PADDING,
    "Each dataset, model and condition.",
    (
        DATASET,
        MODEL,
        CONDITION,
        Column(
            "short",
            "text",
            "What the model does with short clips "
            "([models.md](models.md#short-clips)).",
        ),
        Column(
            "window_s",
            "number",
            "Window of the model; shorter clips are filled up.",
            "s",
        ),
        Column("n_clips", "count", "Usable clips."),
        Column(
            "n_padded",
            "count",
            "Shorter clips, which are filled up; 0 where `short` leaves them out.",
        ),
        Column(
            "padding",
            "number",
            "Share of the samples of these clips' windows that fills them up, 0 to 1.",
        ),
    ),
    "%.6f",
)

STORE_AUDIT = Table(
    layout.STORE_AUDIT,
    "Each thing that `make audit` looked at in a store. The condition is the family, "
    "whose strengths share a store.",
    (
        Column("region", "text", "Region of the store.", empty="for the whole store"),
        Column(
            "check",
            "text",
            "What was looked at: `store`, `region`, `shard`, `rows`, `sample`, `index` "
            "or `leftover`.",
        ),
        Column(
            "item",
            "text",
            "Which one: an address, a file or a clip.",
            empty="for a whole region, and for a store whose samples were not compared",
        ),
        Column("verdict", "text", "`ok`, `wrong`, or `note` for what is no damage."),
        Column(
            "value",
            "number",
            "Of a region, its shards; of rows, how many hold NaN; of a sample, the "
            "largest difference relative to the largest value; 0 for all others.",
            empty="for samples that could not be compared",
        ),
        Column("detail", "text", "What was found."),
    ),
)

SKIPPED = Table(
    layout.NO_FEATURES,
    "Each clip that could not be embedded.",
    (
        Column("clip_id", "text", "The clip."),
        Column("reason", "text", "Why."),
    ),
)

ALL = (PADDING, STORE_AUDIT, SKIPPED)
