"""Where every result of an experiment lies: the one list of paths.

Each constant is the path of a file or folder in the folder of the results; what stands
in braces is a wildcard. The rules of the workflow write there, and whatever reads
results asks here where they are. What a study adds is in a list of its own, in the
folder of the study.
"""

from __future__ import annotations

import re
from pathlib import Path

# Before the stages.
#: What a run will take, of `forecast.estimate_run`.
PLAN = "plan.csv"
#: Held by the run that works on the results.
RUN_LOCK = ".run.lock"

# Stage 1, clips.
#: Clips as the adapter of a dataset lists them, and what it says of them.
CLIP_LIST = "1_clips/{dataset}.list.parquet"
CLIP_NOTES = "1_clips/{dataset}.notes.json"
#: What a job found in its share of the files, which it keeps file by file in a folder.
SHARE = "1_clips/{dataset}.keys/{share}.parquet"
CLIP_PARTS = "1_clips/{dataset}.parts"
#: The clip table.
CLIPS = "1_clips/{dataset}.parquet"
#: Clips that cannot be used.
CLIP_AUDIT = "1_clips/{dataset}.audit.csv"
#: `clip_id`, `meter.COLUMNS` and `sketch`, one row per row of the clip table.
MEASURES = "1_clips/{dataset}.measures.parquet"
#: Excerpts that near duplicates are found by: int8 of shape (n_clips,
#: fingerprint.EXCERPT), filled up with zeros.
EXCERPTS = "1_clips/{dataset}.excerpts.npy"
DUPLICATES = "1_clips/duplicates.csv"
#: What is wrong with the datasets, and what they hold.
DATASET_AUDIT = "1_clips/audit.csv"
COUNTS = "1_clips/counts.csv"
BOTH_SIDES = "1_clips/both_sides.csv"
FORMATS = "1_clips/formats.csv"
SPECTRA = "1_clips/spectra.csv"
DISTRIBUTIONS = "1_clips/distributions.csv"
CUES = "1_clips/cues.csv"
AUDIT_TABLES = (COUNTS, BOTH_SIDES, FORMATS, SPECTRA, DISTRIBUTIONS, CUES)

# Stage 2, embeddings. A condition is a family here, whose strengths share a store.
CALIBRATION = "2_embeddings/calibration/{model}/clean.{key}.json"
#: Where embeddings are, unless `store: address` has them elsewhere.
STORE = "2_embeddings/{dataset}/{model}/{condition}.zarr"
#: Which regions of the store have which clips, and how much there is to embed.
STORE_PLAN = "2_embeddings/{dataset}/{model}/{condition}.plan.json"
STORE_CLIPS = "2_embeddings/{dataset}/{model}/{condition}.clips.parquet"
REGION = "2_embeddings/{dataset}/{model}/{condition}.regions/{region}.parquet"
REGION_DONE = "2_embeddings/{dataset}/{model}/{condition}.done/{region}.json"
#: Which rows of the store are which clip's.
INDEX = "2_embeddings/{dataset}/{model}/{condition}.index.parquet"
STORE_AUDIT = "2_embeddings/{dataset}/{model}/{condition}.audit.csv"
PADDING = "tables/padding.csv"

# Stage 3, features.
FEATURES = "3_features/{dataset}/{model}/{condition}.zarr"
#: Clips without features, and why.
NO_FEATURES = "3_features/{dataset}/{model}/{condition}.skipped.csv"

# Stage 4, splits: of all clips in use, then of those of each protocol.
ALL_LABELS = "4_splits/{dataset}.labels.parquet"
ALL_SPLITS = "4_splits/{dataset}.parquet"
#: Clips that are tested together, and those on both sides of official splits.
GROUPS = "4_splits/groups.parquet"
SHARED = "4_splits/shared.csv"
LABELS = "4_splits/{protocol}/{dataset}.labels.parquet"
SPLITS = "4_splits/{protocol}/{dataset}.parquet"
DRAWS = "4_splits/draws.{protocol}.parquet"
CLASSES = "4_splits/classes.csv"

# Stage 5, scores: of each clip, of each cell, and what was removed and looked for.
CLIP_SCORES = "5_scores/{protocol}/{model}/{condition}.parquet"
SCORES = "5_scores/{protocol}/{model}/{condition}.csv"
#: What correcting each fault of a study's code changes, of one model and of all.
CELL_DEVIATIONS = "5_scores/{protocol}/{model}/{condition}.deviations.csv"
DIRECTIONS = "5_scores/{protocol}/{model}/{condition}.directions.parquet"
SCORE_PARTS = "5_scores/{protocol}/{model}/{condition}.parts"

# Stage 5, few labels: scores of classifiers that saw labelled clips of the target.
LABEL_SCORES = "5_few_labels/{model}/{condition}.parquet"
LABEL_PARTS = "5_few_labels/{model}/{condition}.parts"

# Stage 5, decomposition: terms of gaps and losses, and how clips were weighed for them.
DECOMPOSITION = "5_decomposition/{model}/{condition}.parquet"
DECOMPOSITION_CHECKS = "5_decomposition/{model}/{condition}.checks.parquet"
DECOMPOSITION_PARTS = "5_decomposition/{model}/{condition}.parts"

# Stage 6, discrepancy.
DISCREPANCY = "6_discrepancy/{model}/{condition}.parquet"
DISCREPANCY_PARTS = "6_discrepancy/{model}/{condition}.parts"
#: The same with fewer clips, and of two halves of each dataset.
DISCREPANCY_SIZES = "6_discrepancy/{model}/{condition}.sizes.parquet"
DISCREPANCY_SIZE_PARTS = "6_discrepancy/{model}/{condition}.sizes.parts"

# Stage 6, sensitivity: how clips move in the strengths of a family, and their scores.
MOVEMENT = "6_sensitivity/{dataset}/{model}/{family}.parquet"
CONDITION_SCORES = "6_sensitivity/{dataset}/{model}/{family}.scores.parquet"
CONDITION_PARTS = "6_sensitivity/{dataset}/{model}/{family}.parts"

# Stage 7, statistics.
TABLES = "tables"
SCORE_TABLE = "tables/scores.csv"
SUMMARY_TABLE = "tables/summary.csv"
GAP_TABLE = "tables/gaps.csv"
LEARNING_CURVE_TABLE = "tables/learning_curves.csv"
NULL_GAP_TABLE = "tables/null_gaps.csv"
CLASS_TABLE = "tables/class_values.csv"
DIFFERENCE_TABLE = "tables/differences.csv"
RESCALED_TABLE = "tables/rescaled.csv"
GATE_TABLE = "tables/gate.csv"
SCORECARD_TABLE = "tables/scorecard.csv"
LABEL_CURVE_TABLE = "tables/label_curves.csv"
LABEL_VALUE_TABLE = "tables/label_values.csv"
DECOMPOSITION_TABLE = "tables/decomposition.csv"
DECOMPOSITION_CHECK_TABLE = "tables/decomposition_checks.csv"
SENSITIVITY_TABLE = "tables/sensitivity.csv"
SENSITIVITY_SCORE_TABLE = "tables/sensitivity_scores.csv"
ROBUSTNESS_TABLE = "tables/robustness.csv"
DISCREPANCY_TABLE = "tables/discrepancy.csv"
DISCREPANCY_CURVE = "tables/discrepancy_curve.csv"
DISCREPANCY_NULL = "tables/discrepancy_null.csv"
DEVIATIONS = "tables/deviations.csv"

# Stage 8, report.
FIGURE = "figures/{figure}.svg"
FIGURE_PNG = "figures/{figure}.png"
REPORT = "report.html"


def path(results: str | Path, pattern: str, **wildcards: str) -> Path:
    """Return where a result is.

    Parameters
    ----------
    results : str or Path
        Folder of the results.
    pattern : str
        One of the patterns above, or of a study.
    **wildcards : str
        Value of each of its wildcards.

    Returns
    -------
    Path
        It may not be there.

    Raises
    ------
    KeyError
        If a wildcard has no value.
    """
    return Path(results) / pattern.format(**wildcards)


def find(results: Path, pattern: str) -> list[tuple[dict[str, str], Path]]:
    """Return the results of one kind that are there.

    Parameters
    ----------
    results : Path
        Folder of the results.
    pattern : str
        As for `path`.

    Returns
    -------
    list of (dict, Path)
        Values of the wildcards, and the file or folder; sorted by path.
    """
    matches = regex(pattern).fullmatch
    files = sorted(results.glob(re.sub(r"\{\w+\}", "*", pattern)))
    named = [(matches(f.relative_to(results).as_posix()), f) for f in files]
    return [(found.groupdict(), file) for found, file in named if found]


def regex(pattern: str) -> re.Pattern[str]:
    """Return what matches the paths of a pattern, with a group for each wildcard."""
    words = re.split(r"\{(\w+)\}", pattern)
    names = [f"(?P<{word}>[^/]+)" for word in words[1::2]]
    texts = [re.escape(word) for word in words[::2]]
    return re.compile("".join(a + b for a, b in zip(texts, [*names, ""], strict=True)))


def beside(file: Path, pattern: str, wanted: str, **wildcards: str) -> Path:
    """Return the result that lies beside another, and is of the same clips.

    Parameters
    ----------
    file : Path
        A result, in whatever folder.
    pattern, wanted : str
        Patterns of that result and of the other, as for `path`. Up to the last wildcard
        of `pattern` they are the same.
    **wildcards : str
        Values of the wildcards that `wanted` has beyond that.

    Returns
    -------
    Path
        For example ``a.measures.parquet`` beside ``a.parquet``, for `CLIPS` and
        `MEASURES`.

    Raises
    ------
    ValueError
        If `file` is not called as `pattern` says, or `wanted` begins otherwise.
    """
    shared, brace, ending = pattern.rpartition("}")
    if not file.name.endswith(ending) or not wanted.startswith(shared + brace):
        raise ValueError(f"'{wanted}' is not beside '{file}', which is no '{pattern}'")
    tail = wanted.removeprefix(shared + brace).format(**wildcards)
    return Path(str(file).removesuffix(ending) + tail)


def logs(results: str | Path) -> Path:
    """Return the folder of the logs of an experiment, from that of its results."""
    elsewhere = Path(results).is_absolute() or str(results).startswith("..")
    # Results that go elsewhere have their logs with them.
    return Path(results, "logs") if elsewhere else Path("logs", results)
