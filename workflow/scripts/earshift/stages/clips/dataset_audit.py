"""Stage 1, clips: tables of what the datasets hold and of what is wrong with them."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from earshift import datasets, layout
from earshift.audio import meter
from earshift.datasets import LABEL
from earshift.discrepancy.domain_auc_nonlinear import measure as nonlinear_auc
from earshift.numerics.auc import resampled_auc
from earshift.numerics.inference import bootstrap_weights, interval
from earshift.stages.clips import listing
from earshift.tables import (
    AUDIT,
    BOTH_SIDES,
    CLIP_AUDIT,
    COUNTS,
    CUE_SCORES,
    DUPLICATES,
    FORMATS,
    PERCENTILES,
    SPECTRA,
)

log = logging.getLogger(__name__)

#: Why a clip cannot be used, as `errors.AudioError` and `clips` say it.
UNUSABLE = (
    *("missing", "unreadable", "truncated", "ambiguous", "empty", "silent"),
    *("not_finite", "out_of_range", "not_listed"),
)

#: What is odd about a clip that can be used.
FINDINGS = tuple("incomplete clipped dc_offset out_of_phase quiet very_short".split())

#: Properties of the audio that say nothing of its content -> the values, per clip, from
#: which a classifier may guess the dataset.
CUES = {
    "sample rate": "sample_rate_hz",
    "channels": "n_channels",
    "bandwidth": "bandwidth_hz",
    "level": "level_db",
    "duration": "log_duration",
}

#: What the classifier is given in the last row of each pair of datasets.
ALL_CUES = "all of these"

#: Distributions are told by their percentiles.
QUANTILES = np.linspace(0, 1, 101)


def audit_datasets(
    tables: Mapping[str, Path],
    audits: Mapping[str, Path],
    duplicates: Path,
    out: Path,
    *,
    n_resamples: int,
    confidence: float,
    seed: int,
) -> None:
    """Write the tables of the audit.

    Parameters
    ----------
    tables, audits : mapping
        Name of each dataset -> its clip table, and its list of what is wrong.
    duplicates : Path
        The table of duplicates.
    out : Path
        Folder to write to: ``audit.csv`` (one row per dataset, how many clips have each
        fault), ``counts.csv`` (clips of each class and subgroup by official split),
        ``both_sides.csv`` (recordings in several official splits), ``formats.csv``
        (clips by sample rate, channels and bandwidth), ``spectra.csv`` (quartiles over
        clips of the power in third octaves), ``distributions.csv`` (percentiles of
        bandwidth, level and duration), ``cues.csv`` (how well the format of the audio
        tells datasets apart).
    n_resamples, confidence, seed : int, float, int
        Of the intervals in ``cues.csv``.
    """
    usable = {name: _usable(table) for name, table in tables.items()}
    pairs = DUPLICATES.read(duplicates)
    both = pd.concat([on_both_sides(n, clips) for n, clips in usable.items()])
    heard = {n: clips[clips["n_samples"] > 0] for n, clips in usable.items()}
    contents = {
        AUDIT: pd.DataFrame(
            [
                _summary(name, table, audits[name], pairs, both)
                for name, table in tables.items()
            ]
        ),
        COUNTS: pd.concat([_counts(n, clips) for n, clips in usable.items()]),
        BOTH_SIDES: both,
        FORMATS: pd.concat([_formats(n, clips) for n, clips in heard.items()]),
        SPECTRA: pd.concat([_spectrum(n, clips) for n, clips in heard.items()]),
        PERCENTILES: pd.concat(
            [_distributions(n, clips) for n, clips in heard.items()]
        ),
        CUE_SCORES: tell_apart(heard, n_resamples, confidence, seed),
    }
    for table, rows in contents.items():
        table.write(rows, out / Path(table.file).name)
    log.info("%d recordings are in several official splits", len(both))


def _usable(table: Path) -> pd.DataFrame:
    """Read the usable clips of a dataset with what was measured on them."""
    clips = listing.read(table)
    measured = pd.read_parquet(
        layout.beside(table, layout.CLIPS, layout.MEASURES),
        columns=["bandwidth_hz", "spectrum_db"],
    )
    clips = clips.join(measured)
    clips = clips[clips["status"].eq("ok")].reset_index(drop=True)
    return clips.assign(log_duration=np.log10(clips["duration_s"]))


def _summary(
    name: str, table: Path, audit: Path, pairs: pd.DataFrame, both: pd.DataFrame
) -> dict[str, Any]:
    """Return how many clips of a dataset have each fault."""
    status = pd.read_parquet(table, columns=["status"])["status"]
    listed = CLIP_AUDIT.read(audit)["status"]
    within = pairs["dataset_a"].eq(pairs["dataset_b"])
    other = within & pairs["same_recording"].eq("no")

    def in_pairs(which: pd.Series[bool]) -> int:
        clips = {
            clip
            for side in "ab"
            for clip in pairs.loc[
                which & pairs[f"dataset_{side}"].eq(name), f"clip_id_{side}"
            ]
        }
        return len(clips)

    return {
        "dataset": name,
        "clips": len(status),
        "usable": int(status.eq("ok").sum()),
        **{word: int(listed.eq(word).sum()) for word in (*UNUSABLE, *FINDINGS)},
        "exact_copies": in_pairs(within & pairs["kind"].eq("exact")),
        "near_copies": in_pairs(within & pairs["kind"].eq("near")),
        "under_other_recording": in_pairs(other),
        "in_other_dataset": in_pairs(~within),
        "in_other_split": in_pairs(pairs["splits_differ"].eq("yes")),
        "label_conflicts": in_pairs(pairs["label_conflict"].ne("")),
        "recordings_on_both_sides": int(both["dataset"].eq(name).sum()),
    }


def _counts(name: str, clips: pd.DataFrame) -> pd.DataFrame:
    """Count clips and recordings of each class and subgroup, by official split."""
    rows = []
    for split, part in clips.groupby(clips["split"].fillna(""), sort=True):
        groups = part["subgroup"]
        columns = {
            **{("class", c): part[LABEL + c] for c in datasets.classes(clips)},
            **{
                ("subgroup", str(g)): groups.eq(g).where(groups.notna())
                for g in sorted(clips["subgroup"].dropna().unique())
            },
        }
        for (kind, value), labels in columns.items():
            present, absent = labels.eq(True).fillna(False), labels.eq(False)
            rows.append(
                {
                    "dataset": name,
                    "split": split,
                    "kind": kind,
                    "name": value,
                    "n_present": int(present.sum()),
                    "n_absent": int(absent.sum()),
                    "n_unknown": int(labels.isna().sum()),
                    "n_recordings": part.loc[
                        present.astype(bool), "recording"
                    ].nunique(),
                }
            )
    return pd.DataFrame(rows)


def on_both_sides(name: str, clips: pd.DataFrame) -> pd.DataFrame:
    """Return the recordings whose clips are in more than one official split.

    Parameters
    ----------
    name : str
        Name of the dataset.
    clips : DataFrame
        Its clips, with the columns recording and split.

    Returns
    -------
    DataFrame
        Columns dataset, recording, splits, n_clips.
    """
    known = clips[clips["split"].notna()]
    rows = [
        {
            "dataset": name,
            "recording": recording,
            "splits": ", ".join(sorted(part["split"].astype(str).unique())),
            "n_clips": len(part),
        }
        for recording, part in known.groupby("recording", sort=True)
        if part["split"].nunique() > 1
    ]
    return pd.DataFrame(rows, columns=BOTH_SIDES.names)


def _formats(name: str, clips: pd.DataFrame) -> pd.DataFrame:
    values = {
        "sample_rate_hz": clips["sample_rate_hz"],
        "n_channels": clips["n_channels"],
        "bandwidth_khz": (clips["bandwidth_hz"] / 1000).round(),
    }
    return pd.concat(
        [
            column.astype(int)
            .value_counts()
            .sort_index()
            .rename_axis("value")
            .reset_index(name="n_clips")
            .assign(dataset=name, property=key)
            for key, column in values.items()
        ]
    )[FORMATS.names]


_LEVELS = ("lower_db", "median_db", "upper_db")


def _spectrum(name: str, clips: pd.DataFrame) -> pd.DataFrame:
    if clips.empty:
        return pd.DataFrame(columns=SPECTRA.names)
    levels = np.quantile(np.stack(clips["spectrum_db"].to_list()), [0.25, 0.5, 0.75], 0)
    columns = dict(zip(_LEVELS, levels, strict=True))
    return pd.DataFrame(
        {"dataset": name, "centre_hz": np.round(meter.CENTRES_HZ, 1), **columns}
    ).round(2)


def _distributions(name: str, clips: pd.DataFrame) -> pd.DataFrame:
    if clips.empty:
        return pd.DataFrame(columns=PERCENTILES.names)
    return pd.concat(
        [
            pd.DataFrame(
                {
                    "dataset": name,
                    "measure": measure,
                    "quantile": QUANTILES.round(2),
                    "value": np.quantile(clips[measure], QUANTILES).round(3),
                }
            )
            for measure in ("bandwidth_hz", "level_db", "duration_s")
        ]
    )


def tell_apart(
    usable: Mapping[str, pd.DataFrame], n_resamples: int, confidence: float, seed: int
) -> pd.DataFrame:
    """Say how well the format of the audio tells each pair of datasets apart.

    Parameters
    ----------
    usable : mapping
        Dataset -> its usable clips, with the columns of `CUES`, and recording.
    n_resamples : int
        Resamples of the recordings, for the interval.
    confidence : float
        Of the interval.
    seed : int
        Draws.

    Returns
    -------
    DataFrame
        Columns a, b, cue, auc, low, high: one row for each pair and cue, NaN where a
        dataset has too few recordings.
    """
    cues: dict[str, list[str]] = {cue: [column] for cue, column in CUES.items()}
    cues[ALL_CUES] = list(CUES.values())
    seeds = np.random.SeedSequence(seed).spawn(
        len(cues) * len(list(combinations(usable, 2)))
    )
    rows: Iterator[dict[str, Any]] = (
        {"a": a, "b": b, "cue": cue}
        | _domain_auc(
            usable[a], usable[b], columns, n_resamples, confidence, seeds.pop()
        )
        for a, b in combinations(usable, 2)
        for cue, columns in cues.items()
    )
    table = pd.DataFrame(rows, columns=CUE_SCORES.names)
    return table.round({"auc": 4, "low": 4, "high": 4})


def _domain_auc(
    a: pd.DataFrame,
    b: pd.DataFrame,
    columns: list[str],
    n_resamples: int,
    confidence: float,
    seed: np.random.SeedSequence,
) -> dict[str, float]:
    """Measure the non-linear domain AUC of some columns, with its interval."""
    if min(a["recording"].nunique(), b["recording"].nunique()) < 2:
        return dict.fromkeys(("auc", "low", "high"), np.nan)
    rng = np.random.default_rng(seed)
    names: list[NDArray[np.str_]] = [side["recording"].to_numpy(str) for side in (a, b)]
    measured = nonlinear_auc(
        a[columns].to_numpy(float),
        b[columns].to_numpy(float),
        recordings_a=names[0],
        recordings_b=names[1],
        rng=rng,
    ).scores
    assert measured is not None
    used = np.isfinite(measured.scores)
    is_b = np.arange(len(used)) >= len(a)
    recordings = np.concatenate(
        [np.char.add("a/", names[0]), np.char.add("b/", names[1])]
    )
    weights = bootstrap_weights(recordings[used], n_resamples, rng)
    values = resampled_auc(
        measured.scores[used], is_b[used], measured.folds[used], weights
    )
    low, high = interval(values[1:], confidence)
    return {"auc": float(values[0]), "low": low, "high": high}
