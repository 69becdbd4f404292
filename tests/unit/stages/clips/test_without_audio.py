"""Datasets of labels alone, beside others."""

import pandas as pd
import pytest

from earshift.stages.clips import dataset_audit, duplicates, listing


def write(tmp_path, name, **entry):
    """Stage 1 of a dataset; return its clip table."""
    table = tmp_path / f"{name}.parquet"
    listing.list_clips(
        name,
        entry,
        table=table,
        audit=tmp_path / f"{name}.audit.csv",
        max_bad_clips=0,
        n_threads=1,
    )
    return table


def test_all_clips_are_usable_and_nothing_is_known_of_their_audio(tmp_path):
    table = write(tmp_path, "irmas", plugin="irmas", folder=".", audio=False)
    rows = listing.usable(table)
    assert len(rows) == 6705
    assert set(listing.AUDIO_COLUMNS) < set(rows)
    assert (rows[["n_samples", "sample_rate_hz", "n_bytes"]] == 0).all(axis=None)
    assert rows[["duration_s", "level_db"]].isna().all(axis=None)
    assert len(pd.read_csv(tmp_path / "irmas.audit.csv")) == 0


def test_no_audio_is_looked_for(tmp_path, table_dataset):
    (table_dataset / "audio").rename(tmp_path / "elsewhere")
    table = write(tmp_path, "t", plugin="table", folder=str(table_dataset), audio=False)
    assert len(listing.usable(table)) == 24


@pytest.mark.parametrize("others", [["heard"], []], ids=["beside audio", "alone"])
def test_the_audit_counts_them_and_compares_no_sounds(tmp_path, table_dataset, others):
    entry = {"plugin": "table", "folder": str(table_dataset)}
    tables = {n: write(tmp_path, n, **entry) for n in others}
    tables |= {n: write(tmp_path, n, **entry, audio=False) for n in ("mute", "still")}
    found = tmp_path / "duplicates.csv"
    duplicates.find_duplicates(tables, found)
    assert (
        not pd.read_csv(found)[["dataset_a", "dataset_b"]].isin(["mute"]).any(axis=None)
    )
    dataset_audit.audit_datasets(
        tables,
        {name: tmp_path / f"{name}.audit.csv" for name in tables},
        found,
        tmp_path,
        n_resamples=199,
        confidence=0.95,
        seed=0,
    )
    counts = pd.read_csv(tmp_path / "counts.csv").groupby(["dataset", "name"])
    assert counts["n_present"].sum()["mute", "bass"] == 12
    assert pd.read_csv(tmp_path / "audit.csv")["usable"].eq(24).all()
    for name in ("formats", "spectra", "distributions"):
        assert set(pd.read_csv(tmp_path / f"{name}.csv")["dataset"]) == set(others)
    assert pd.read_csv(tmp_path / "cues.csv")["auc"].isna().all()
