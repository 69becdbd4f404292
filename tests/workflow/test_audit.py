"""The audit as a user runs it: planted faults arrive in the tables and on the page."""

import pandas as pd
import pytest
import soundfile

from tests.helpers.workflow import kill_when, run, write_experiment

pytestmark = [pytest.mark.workflow, pytest.mark.timeout(1800)]


def plant(folder):
    """Copy clips within and across the two datasets; clip one; split them badly."""
    clear, hum = folder / "clear" / "audio", folder / "hum" / "audio"
    samples, rate = soundfile.read(clear / "bass_0_0.wav", dtype="int16")
    # The same sound: as another recording, and in the other dataset as another class.
    soundfile.write(clear / "bass_5_1.wav", samples, rate)
    (hum / "treble_3_0.wav").unlink()
    soundfile.write(
        hum / "treble_3_0.mp3", samples[200:] // 2, rate, compression_level=0.5
    )
    loud, rate = soundfile.read(hum / "bass_7_0.wav")
    soundfile.write(hum / "bass_7_0.wav", 20 * loud, rate)
    table = pd.read_csv(folder / "hum" / "clips.csv")
    table["path"] = table["path"].replace(
        "audio/treble_3_0.wav", "audio/treble_3_0.mp3"
    )
    table.to_csv(folder / "hum" / "clips.csv", index=False)
    table = pd.read_csv(folder / "clear" / "clips.csv")
    table["split"] = ["train"] * len(table)
    table.loc[table["recording"].isin(["bass8", "treble8"]), "split"] = "test"
    table.loc[table["path"].eq("audio/bass_2_1.wav"), "split"] = "test"
    table.to_csv(folder / "clear" / "clips.csv", index=False)


@pytest.fixture(scope="module")
def audited(tmp_path_factory):
    folder = write_experiment(
        tmp_path_factory.mktemp("audited"), methods=["none", "lda"]
    )
    plant(folder)
    done = run(folder)
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


def read(folder, name):
    return pd.read_csv(folder / "results/1_clips" / name, keep_default_na=False)


def test_the_planted_copies_are_listed(audited):
    pairs = read(audited, "duplicates.csv")
    first = (pairs["dataset_a"] + "/" + pairs["clip_id_a"]).tolist()
    assert pairs["kind"].tolist() == ["exact", "near", "near"]
    assert first == [
        "clear/audio/bass_0_0.wav",
        "clear/audio/bass_0_0.wav",
        "clear/audio/bass_5_1.wav",
    ]
    assert pairs["clip_id_b"].tolist() == [
        "audio/bass_5_1.wav",
        *["audio/treble_3_0.mp3"] * 2,
    ]
    assert pairs["same_recording"].tolist() == ["no"] * 3
    assert pairs["label_conflict"].tolist() == ["", *["bass; treble"] * 2]


def test_the_faults_are_counted_and_told_on_the_page(audited):
    faults = read(audited, "audit.csv").set_index("dataset")
    assert faults.loc["clear", "recordings_on_both_sides"] == 1
    assert faults["clipped"].to_dict() == {"clear": 0, "hum": 1}
    assert faults["label_conflicts"].to_dict() == {"clear": 2, "hum": 1}
    assert read(audited, "both_sides.csv")["recording"].tolist() == ["bass2"]
    page = (audited / "results/report.html").read_text()
    section = page[page.index('<h2 id="audit">') :]
    section = section[: section.index("</section>")]
    for text in (
        "hum: audio/treble_3_0.mp3",
        "labelled otherwise: bass; treble; another dataset",
        "audio/bass_7_0.wav",
        "bass2",
        "clear, test",
        'id="figure-audio"',
    ):
        assert text in section
    assert "1 recording of clear in several official splits" in page
    assert (
        "The audit found 2 clips in clear with a copy under another recording" in page
    )
    assert (audited / "results/figures/audio.png").stat().st_size > 10_000


def test_the_audit_is_in_the_report_of_snakemake(audited, tmp_path):
    done = run(audited, "--report", str(tmp_path / "s.html"))
    assert done.returncode == 0, done.stderr[-2000:]
    assert "spectra, bandwidths, levels, durations" in (tmp_path / "s.html").read_text()


def test_a_killed_stage_1_goes_on_where_it_was(tmp_path):
    folder = write_experiment(tmp_path / "killed", methods=["none", "lda"])
    plant(folder)
    # More clips than are kept at a time.
    table = pd.read_csv(folder / "hum" / "clips.csv").assign(split="")
    more = []
    for i in range(40):
        sound, rate = soundfile.read(folder / "hum" / "audio" / "bass_1_0.wav")
        name = f"audio/more_{i}.wav"
        soundfile.write(folder / "hum" / name, sound * (0.5 + i / 100), rate)
        more.append(table.iloc[0].to_dict() | {"path": name, "recording": f"m{i}"})
    pd.concat([table, pd.DataFrame(more)]).to_csv(
        folder / "hum" / "clips.csv", index=False
    )
    parts = folder / "results/1_clips/hum.parts"
    kill_when(folder, lambda: any(parts.glob("[!.]*.parquet")))
    assert not (folder / "results/1_clips/hum.parquet").exists()
    done = run(folder, "results/1_clips/hum.parquet")
    assert done.returncode == 0, done.stderr[-3000:]
    assert "of 76 were decoded before" in done.stderr
    assert "decoding: 76/76" not in done.stderr
    assert len(pd.read_parquet(folder / "results/1_clips/hum.parquet")) == 76
