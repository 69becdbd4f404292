"""What the report says of classes, clips and files that are not in its numbers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq

from earshift import layout
from earshift.stages.report import words
from earshift.stages.splits import left_out
from earshift.tables import CLASSES, CLIP_AUDIT, SKIPPED

#: Lines that the page shows at once, and the terminal at all.
SHOWN = 8
SHOWN_IN_TERMINAL = 5

#: Where the rest can be read.
FILES = "4_splits/classes.csv and 1_clips/*.audit.csv"

#: Status in an audit of what the adapter left out, and never became a clip.
NOT_LISTED = "not_listed"


def describe(results: Path, names: Sequence[str], models: Sequence[str]) -> list[str]:
    """Return what of the datasets is left out, and what was noted of their labels.

    Parameters
    ----------
    results : Path
        Folder of the results.
    names, models : sequence of str
        Datasets, and models.

    Returns
    -------
    list of str
        Sentences: on classes, then on each dataset; none if all is used.
    """
    found = CLASSES.read(layout.path(results, layout.CLASSES))
    said = left_out.sentences(found)
    return said + [
        each for name in names for each in _of_dataset(results, name, models)
    ]


def in_terminal(
    results: Path, names: Sequence[str], models: Sequence[str]
) -> list[str]:
    """Return the same as a few lines of plain text, under a heading.

    Parameters
    ----------
    results, names, models
        As for `describe`.

    Returns
    -------
    list of str
        Empty if nothing is left out.
    """
    said = describe(results, names, models)
    if not said:
        return []
    lines = [left_out.wrapped(f"  {each}") for each in said[:SHOWN_IN_TERMINAL]]
    more = len(said) - len(lines)
    if more > 0:
        lines.append(f"  and {more} more: see the report.")
    return ["", "Left out", *lines]


def _of_dataset(results: Path, name: str, models: Sequence[str]) -> Iterator[str]:
    """Yield what is left out of one dataset, and the warnings on its labels."""
    audit = CLIP_AUDIT.read(layout.path(results, layout.CLIP_AUDIT, dataset=name))
    bad = audit[audit["usable"].eq("no")]
    clips, files = bad[bad["status"].ne(NOT_LISTED)], bad[bad["status"].eq(NOT_LISTED)]
    n = _n_rows(results, layout.CLIPS, name)
    where = layout.CLIP_AUDIT.format(dataset=name)
    if len(clips):
        counts = clips["status"].str.replace("_", " ").value_counts().items()
        kinds = ", ".join(f"{k} {status}" for status, k in counts)
        yield f"{name}: {len(clips)} of {n} clips cannot be used ({kinds}; {where})."
    if len(files):
        what = words.count(len(files), "file or row", "files or rows")
        yield f"{name}: {what} not listed as clips ({_reasons(files)}; {where})."
    in_use = _n_rows(results, layout.ALL_LABELS, name)
    if n - len(clips) > in_use:
        out = words.count(n - len(clips) - in_use, "usable clip")
        yield f"{name}: {out} not in the chosen subgroups or the official split."
    for model in models:
        key = {"dataset": name, "model": model, "condition": "*"}
        for file in results.glob(layout.NO_FEATURES.format(**key)):
            if len(skipped := SKIPPED.read(file)):
                what, why = words.count(len(skipped), "clip"), _reasons(skipped)
                yield f"{name}: {what} without features of {model} ({why})."
    yield from (f"{name}: {each}" for each in _warnings(results, name))


def _n_rows(results: Path, pattern: str, name: str) -> int:
    return int(pq.read_metadata(layout.path(results, pattern, dataset=name)).num_rows)


def _reasons(rows: pd.DataFrame) -> str:
    """Return the reason of some rows, or the first of several."""
    reasons = rows["reason"].unique()
    return reasons[0] if len(reasons) == 1 else f"for instance: {reasons[0]}"


def _warnings(results: Path, name: str) -> list[str]:
    """Return what stage 1 noted of a dataset's labels, if it did."""
    file = layout.path(results, layout.CLIP_NOTES, dataset=name)
    said = json.loads(file.read_text()) if file.is_file() else {}
    return [str(each) for each in said.get("warnings", [])]
