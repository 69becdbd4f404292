"""Files that cannot be used: skipped, counted, refused in numbers, repaired."""

import pandas as pd
import pytest

from tests.helpers.workflow import run, write_experiment

pytestmark = [pytest.mark.workflow, pytest.mark.timeout(1800)]


def test_bad_clips_are_skipped_and_reported_and_mended_ones_taken_up(tmp_path):
    folder = write_experiment(tmp_path / "bad", max_bad_clips=3)
    audio = sorted((folder / "hum" / "audio").glob("*.wav"))
    bad = {file: file.read_bytes() for file in (audio[0], audio[5], audio[9])}
    audio[0].write_bytes(b"")
    audio[5].write_bytes(b"<html>")
    audio[9].unlink()
    done = run(folder)
    assert done.returncode == 0, done.stderr[-3000:]
    assert set(clips_of(folder)["hum"]) == {33}
    page = (folder / "results/report.html").read_text()
    for file, whole in bad.items():
        assert file.name in page
        file.write_bytes(whole)
    done = run(folder, "--forcerun", "list_clips")
    assert done.returncode == 0, done.stderr[-3000:]
    assert set(clips_of(folder)["hum"]) == {36}
    page = (folder / "results/report.html").read_text()
    assert not [file for file in bad if file.name in page]


def clips_of(folder):
    """Clips in each cell of the scores, by dataset tested on."""
    scores = pd.read_csv(folder / "results/tables/scores.csv")
    scores = scores[scores["sample"].eq("all")]
    return dict(iter(scores.groupby("test")["n_test"]))


def test_what_was_computed_survives_too_many_bad_clips(tmp_path):
    folder = write_experiment(tmp_path / "bad", max_bad_clips=0)
    (folder / "hum" / "audio" / "bass_0_0.wav").write_bytes(b"")
    done = run(folder, "--until", "gather_clips", "--keep-going")
    assert done.returncode != 0
    assert "1 of 36 clips cannot be used (1 empty)" in done.stderr
    assert (folder / "results/1_clips/clear.parquet").exists()
    assert len(pd.read_csv(folder / "results/1_clips/hum.audit.rejected.csv")) == 1
