"""The table of `make plan`, which says what a run will take."""

from earshift.tables._table import Column, Table
from earshift.tables.columns import DATASET

_UNCALIBRATED = "if the speed of the model is not known"


def _much(name: str, meaning: str, unit: str = "") -> Column:
    return Column(name, "number", meaning, unit, empty=_UNCALIBRATED)


PLAN = Table(
    "plan.csv",
    "Each dataset in stage 1, and each dataset, model and condition in stages 2 and 3.",
    (
        Column("made", "text", "When the plan was made, UTC."),
        Column("stage", "text", "`1 clips`, `2 embeddings` or `3 features`."),
        DATASET,
        Column("model", "text", "Name of the model.", empty="in stage 1"),
        Column(
            "condition",
            "text",
            "The condition; in stage 2 its family, whose strengths share a store.",
            empty="in stage 1",
        ),
        Column("clips", "count", "Clips, each once for each strength of its family."),
        Column("clips_to_do", "count", "Those that are still to be worked on."),
        Column("audio_h", "number", "Length of the audio of these.", "h"),
        Column(
            "within",
            "number",
            "Share by which the length of all audio may be off, at 95 % confidence.",
            empty="if all clips were counted",
        ),
        Column("jobs", "count", "Jobs.", empty=_UNCALIBRATED),
        _much("hours", "Time of all jobs, one after the other.", "h"),
        _much("cpu_h", "Hours times the cores that they reserve.", "h"),
        _much("gpu_h", "Hours times the GPUs that they reserve.", "h"),
        Column(
            "mem_mb",
            "number",
            "Memory of the largest job.",
            "MB",
            empty="in stages 1 and 3, and if the speed of the model is not known",
        ),
        Column("bytes", "count", "What is written.", "bytes", empty=_UNCALIBRATED),
        Column("files", "count", "Files that are written.", empty=_UNCALIBRATED),
        Column(
            "cost",
            "number",
            "CPU and GPU hours at the prices of the configuration.",
            "that of the prices",
            empty="without prices, and if the speed of the model is not known",
        ),
        Column(
            "address",
            "text",
            "Where the store is, if that is on no file system.",
            empty="for all that takes room among the results",
        ),
    ),
)

ALL = (PLAN,)
