"""Files that cannot be used: skipped, counted, refused in numbers, mended."""

import pandas as pd
import pytest

from tests.workflow.conftest import run, write_experiment

pytestmark = [pytest.mark.workflow, pytest.mark.timeout(600)]


def test_bad_clips_are_skipped_and_counted_in_the_report(tmp_path):
    folder = write_experiment(tmp_path / "bad", max_bad_clips=3)
    audio = sorted((folder / "hum" / "audio").glob("*.wav"))
    audio[0].write_bytes(b"")
    audio[5].write_bytes(b"<html>")
    audio[9].unlink()
    done = run(folder)
    assert done.returncode == 0, done.stderr[-3000:]
    scores = pd.read_csv(folder / "results/tables/scores.csv")
    assert set(scores.loc[scores["test"] == "hum", "n_test"]) == {33}
    page = (folder / "results/report.html").read_text()
    for name in (audio[0].name, audio[5].name, audio[9].name):
        assert name in page


def test_what_was_computed_survives_too_many_bad_clips(tmp_path):
    folder = write_experiment(tmp_path / "bad", max_bad_clips=0)
    (folder / "hum" / "audio" / "bass_0_0.wav").write_bytes(b"")
    done = run(folder, "--keep-going")
    assert done.returncode != 0
    assert "1 of 36 clips cannot be used (1 empty)" in done.stderr
    assert (folder / "results/1_clips/clear.parquet").exists()
    assert len(pd.read_csv(folder / "results/1_clips/hum.audit.rejected.csv")) == 1


def test_a_mended_file_is_taken_up_when_asked(tmp_path):
    folder = write_experiment(tmp_path / "mended", max_bad_clips=1)
    sound = folder / "hum" / "audio" / "bass_0_0.wav"
    whole = sound.read_bytes()
    sound.write_bytes(b"")
    assert run(folder).returncode == 0
    sound.write_bytes(whole)
    done = run(folder, "--forcerun", "list_clips")
    assert done.returncode == 0, done.stderr[-3000:]
    scores = pd.read_csv(folder / "results/tables/scores.csv")
    assert set(scores["n_test"]) == {36}
