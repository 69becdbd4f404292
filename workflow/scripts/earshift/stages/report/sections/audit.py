"""What the page says of the audit: faults, duplicates, counts, cues of the dataset."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from earshift import layout
from earshift.evaluation import protocol
from earshift.stages.report import words
from earshift.stages.report.captions import AUDIO
from earshift.stages.report.sections import (
    MANY,
    TEMPLATES,
    Experiment,
    Figure,
    Findings,
    Section,
    paths,
)
from earshift.stages.splits import groups
from earshift.tables import (
    AUDIT,
    BOTH_SIDES,
    CLIP_AUDIT,
    COUNTS,
    CUE_SCORES,
    DUPLICATES,
)

#: Rows of a list that the page shows; the files hold them all.
SHOWN = 25

#: Column of the summary -> what the page calls it.
FAULTS = {
    "incomplete": "With incomplete metadata",
    "clipped": "Clipped",
    "dc_offset": "Offset from zero",
    "out_of_phase": "With channels that cancel",
    "quiet": "Nearly silent",
    "very_short": "Very short",
    "exact_copies": "With an exact copy in the dataset",
    "near_copies": "With a near copy in the dataset",
    "under_other_recording": "With a copy under another recording",
    "in_other_dataset": "With a copy in another dataset",
    "in_other_split": "With a copy in another official split",
    "label_conflicts": "With a copy that is labelled otherwise",
    "recordings_on_both_sides": "Recordings in several official splits",
}


class Audit(Section):
    """Faults, copies and counts of clips, and what tells the datasets apart."""

    id = "audit"
    title = "Audit"
    template = TEMPLATES / "audit.html.j2"

    def needs(self, config: Mapping[str, Any]) -> list[str]:
        """Return the audit's tables and figure, and the splits, which heed copies."""
        return [
            *(layout.DATASET_AUDIT, *layout.AUDIT_TABLES, layout.DUPLICATES),
            *paths(config, layout.CLIP_AUDIT, layout.ALL_SPLITS),
            *(layout.GROUPS, layout.SHARED),
            layout.FIGURE.format(figure="audio"),
        ]

    def values(self, experiment: Experiment) -> dict[str, Any]:
        """Return the rows of the tables."""
        return {"audit": describe_audit(experiment.results, experiment.datasets)}

    def findings(self, experiment: Experiment) -> list[Findings]:
        """Return what the audit says, in words."""
        config = experiment.config
        used = protocol.study_of(config["study"]).named(config["protocols"])
        excepted = [one.name for one in used if not one.leaves_out]
        return findings(experiment.results, excepted)

    def figures(self, experiment: Experiment) -> list[Figure]:  # noqa: ARG002
        """Return the figure of spectra and distributions."""
        return [Figure("audio", *AUDIO)]


def describe_audit(results: Path, names: Sequence[str]) -> dict[str, Any]:
    """Return what the section on the audit shows.

    Parameters
    ----------
    results : Path
        Folder of the results.
    names : sequence of str
        Datasets.

    Returns
    -------
    dict
        `faults` (name and one number per dataset), `duplicates`, `odd` and `both_sides`
        (the first `SHOWN` rows of each list) with `n_duplicates`, `n_odd` and
        `n_both_sides`, `splits` (dataset and official split of each column of counts),
        `counts` (kind, name and a cell per column), `cues`.
    """
    duplicates = _worst_first(DUPLICATES.read(results / DUPLICATES.file))
    both = BOTH_SIDES.read(results / BOTH_SIDES.file)
    odd = pd.concat(
        [
            CLIP_AUDIT.read(
                layout.path(results, layout.CLIP_AUDIT, dataset=name)
            ).assign(dataset=name)
            for name in names
        ]
    )
    odd = odd[odd["usable"].eq("yes")]
    splits, counts = _counts(COUNTS.read(results / COUNTS.file))
    return {
        "faults": list(_faults(AUDIT.read(results / AUDIT.file), names)),
        "duplicates": [
            row | {"wrong": _what_is_wrong(row)}
            for row in duplicates.head(SHOWN).to_dict("records")
        ],
        "n_duplicates": len(duplicates),
        "odd": odd.head(SHOWN).to_dict("records"),
        "n_odd": len(odd),
        "both_sides": both.head(SHOWN).to_dict("records"),
        "n_both_sides": len(both),
        "splits": splits,
        "counts": counts,
        "cues": CUE_SCORES.read(results / CUE_SCORES.file).to_dict("records"),
    }


def _faults(table: pd.DataFrame, names: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Yield the rows of the table of faults; reasons that no clip has are left out."""
    from earshift.stages.clips.dataset_audit import UNUSABLE

    table = table.set_index("dataset").loc[list(names)]
    reasons = {
        word: f"Cannot be used: {word.replace('_', ' ')}"
        for word in UNUSABLE
        if table[word].any()
    }
    rows = {"clips": "Clips listed", "usable": "Clips that can be used"}
    for column, text in (rows | reasons | FAULTS).items():
        yield {"name": text, "numbers": table[column].tolist()}


def _worst_first(pairs: pd.DataFrame) -> pd.DataFrame:
    """Sort by label conflict, splits, datasets and recordings that are crossed."""
    ranks = pd.DataFrame(
        {
            "conflict": pairs["label_conflict"].eq(""),
            "split": pairs["splits_differ"].ne("yes"),
            "dataset": pairs["dataset_a"].eq(pairs["dataset_b"]),
            "recording": pairs["same_recording"].eq("yes"),
        }
    )
    return pairs.loc[ranks.sort_values(list(ranks), kind="stable").index]


def _what_is_wrong(pair: Mapping[Any, Any]) -> str:
    wrong = []
    if pair["label_conflict"]:
        wrong.append(f"labelled otherwise: {pair['label_conflict']}")
    if pair["splits_differ"] == "yes":
        wrong.append(f"splits {pair['split_a']} and {pair['split_b']}")
    if pair["dataset_a"] != pair["dataset_b"]:
        wrong.append("another dataset")
    elif pair["same_recording"] == "no":
        wrong.append("another recording")
    return "; ".join(wrong)


def _counts(table: pd.DataFrame) -> tuple[list[str], list[dict[str, Any]]]:
    """Return the headings of the columns, and the rows, of the table of counts."""
    table["column"] = table["dataset"] + table["split"].map(lambda s: s and f", {s}")
    columns = list(table["column"].unique())
    rows = []
    for (kind, name), part in table.groupby(["kind", "name"], sort=True):
        cells = part.set_index("column").to_dict("index")
        rows.append(
            {
                "kind": kind,
                "name": name,
                "cells": [cells.get(column) for column in columns],
            }
        )
    return columns, rows


def findings(results: Path, excepted: Sequence[str] = ()) -> list[Findings]:
    """Return what the audit says, in words.

    Parameters
    ----------
    results : Path
        Folder of the results.
    excepted : sequence of str, optional
        Protocols of the experiment that train on clips that others leave out.

    Returns
    -------
    list of Findings
        On one question; they say so where nothing was found.
    """
    sentences = [
        *_faults_said(AUDIT.read(results / AUDIT.file).set_index("dataset")),
        *_shared_said(results, list(excepted)),
        *_cues_said(CUE_SCORES.read(results / CUE_SCORES.file)),
    ]
    return [Findings("Is the audio sound, and what does it give away?", sentences)]


def _faults_said(table: pd.DataFrame) -> Iterator[str]:
    serious = {
        "under_other_recording": "{} in {} with a copy under another recording",
        "in_other_split": "{} in {} with a copy in another official split",
        "in_other_dataset": "{} in {} with a copy in another dataset",
        "label_conflicts": "{} in {} with a copy that is labelled otherwise",
    }
    parts = [
        text.format(words.count(int(n), "clip"), name)
        for column, text in serious.items()
        for name, n in table[column].items()
        if n
    ]
    parts += [
        f"{words.count(int(n), 'recording')} of {name} in several official splits"
        for name, n in table["recordings_on_both_sides"].items()
        if n
    ]
    if parts:
        yield f"The audit found {words.listed(parts)}."
    else:
        yield (
            "The audit detected no clip that is copied under another recording, in "
            "another official split or in another dataset. It misses some copies "
            "(docs/your_data.md says which)."
        )


def _shared_said(results: Path, excepted: list[str]) -> Iterator[str]:
    """Say which recordings datasets have in common, and what is done about it."""
    clips = pd.read_parquet(layout.path(results, layout.GROUPS))
    common, names = groups.in_common(clips), list(clips["dataset"].unique())
    parts = []
    for a, b in dict.fromkeys((a, b) for a, b, _ in common):
        n = sum(len(common.get((a, b, why), ())) for why in ("recording", "copy"))
        if a == b:
            hold = "holds" if n == 1 else "hold"
            said = words.count(n, "group")
            parts.append(f"{said} of recordings of {a} {hold} copies")
        else:
            are = "is" if n == 1 else "are"
            parts.append(f"{words.count(n, 'recording')} {are} both in {a} and in {b}")
    if parts:
        yield (
            f"By name or by copies, {words.listed(parts)}: where one is tested, none "
            "of its clips is used for training in any dataset"
            f"{_left_out_said(results, names, excepted)}."
        )
    for row in groups.large(clips):
        yield (
            f"Copies join {row['recordings']} of {row['of_recordings']} recordings of "
            f"{row['dataset']} ({row['clips']} of {row['of_clips']} clips) into one "
            "group, which is tested as a whole: folds may be uneven."
        )


def _left_out_said(results: Path, names: Sequence[str], excepted: list[str]) -> str:
    """Say how many clips do not train for this in folds that the authors made."""
    parts = []
    for name in names:
        rows = pd.read_parquet(layout.path(results, layout.ALL_SPLITS, dataset=name))
        n = rows.loc[~rows["tests"], "clip_id"].nunique()
        parts += [f"{words.count(n, 'clip')} of {name}"] if n else []
    if not parts:
        return ""
    are = "is" if parts[0].startswith("1 ") and len(parts) == 1 else "are"
    but = f", except in the protocol {words.listed(excepted)}" if excepted else ""
    return f"; for this, {words.listed(parts)} {are} left out of training{but}"


def _cues_said(cues: pd.DataFrame) -> Iterator[str]:
    """Say how well the format tells datasets apart; many pairs are drawn together."""
    from earshift.stages.clips.dataset_audit import ALL_CUES

    cues = cues.dropna(subset=["auc"])
    whole = cues[cues["cue"].eq(ALL_CUES)].sort_values("auc", kind="stable")
    if len(whole) > MANY:
        ends = [
            f"{_auc(row)} ({row['a']}, {row['b']})"
            for row in whole.iloc[[0, -1]].to_dict("records")
        ]
        yield (
            f"{_cues_named()} together tell {len(whole)} pairs of datasets apart with "
            f"a non-linear domain AUC (0.5 is chance) from {ends[0]} to {ends[1]}."
        )
        return
    for _, part in cues.groupby(["a", "b"], sort=False):
        yield _pair_said(part)


def _pair_said(part: pd.DataFrame) -> str:
    from earshift.stages.clips.dataset_audit import ALL_CUES

    a, b = part[["a", "b"]].iloc[0]
    single = part[part["cue"].ne(ALL_CUES)]
    seen = single[single["low"].gt(0.5)].sort_values("auc", ascending=False)
    whole = part[part["cue"].eq(ALL_CUES)].iloc[0]
    if whole["low"] <= 0.5 and seen.empty:
        return f"By {_cues_named().lower()}, no difference of {a} and {b} is detected."
    alone = [f"{row['cue']} alone gives {_auc(row)}" for row in seen.to_dict("records")]
    start = f"{words.listed(alone)}; " if alone else ""
    return (
        f"Told apart by the format of the audio, without its content, {a} and {b} have "
        f"a non-linear domain AUC (0.5 is chance): {start}{_cues_named().lower()} "
        f"together give {_auc(whole)}. An embedding that tells the two datasets apart "
        "may do so by such properties; not all of them reach it, since models see a "
        "mono mix at their own rate."
    )


def _cues_named() -> str:
    """Return what all cues are, at the start of a sentence."""
    from earshift.stages.clips.dataset_audit import CUES

    return words.listed(list(CUES)).capitalize()


def _auc(row: Mapping[Any, Any] | pd.Series[Any]) -> str:
    return words.without_spread(row["low"], row["high"], "0 to 1") or (
        f"{words.number(row['auc'])} {words.interval(row['low'], row['high'])}"
    )
