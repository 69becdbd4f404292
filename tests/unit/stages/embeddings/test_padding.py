"""Clips that are shorter than a window are counted, and the report says so."""

import numpy as np
import pandas as pd
import pytest
import soundfile
from numpy.testing import assert_allclose, assert_array_equal

from earshift import load_model, models, open_embeddings
from earshift.models._framing import fill_up
from earshift.stages.embeddings import padding, region_files
from earshift.stages.report.sections import padding as report
from earshift.tables import PADDING
from tests.helpers import stage2
from tests.helpers.tones import tone

#: Length of clips in seconds, for a window of 1 s.
LENGTHS = {"short": [0.25, 0.5, 0.5, 0.9999, 1.0, 2.0], "long": [1.0, 1.5, 3.0, 9.0]}


def list_clips(folder, lengths, rate=22_050):
    """A folder of clips of some lengths; return its clip table."""
    folder.mkdir(parents=True)
    rows = []
    for i, seconds in enumerate(lengths):
        sound = tone(200 + 30 * i, seconds, rate, seed=i)
        soundfile.write(folder / f"{i}.wav", sound, rate)
        rows.append((f"{i}.wav", "xy"[i % 2], f"r{i}"))
    table = pd.DataFrame(rows, columns=["path", "label", "recording"])
    table.to_csv(folder / "clips.csv", index=False)
    return stage2.list_clips(folder, folder)


@pytest.fixture
def tables(tmp_path):
    return {n: list_clips(tmp_path / n, lengths) for n, lengths in LENGTHS.items()}


def count(tables, tmp_path, **entries):
    out = tmp_path / "tables" / "padding.csv"
    padding.count_padding(tables, entries, ["clean"], out=out)
    return PADDING.read(out)


def test_clips_shorter_than_a_window_are_counted(tables, tmp_path):
    found = count(tables, tmp_path, m={"plugin": "mfcc"})
    assert found.columns.tolist() == PADDING.names
    assert found["dataset"].tolist() == ["short", "long"]
    assert found["window_s"].tolist() == [1.0, 1.0]
    assert found["n_clips"].tolist() == [6, 4]
    assert found["n_padded"].tolist() == [4, 0]
    assert_allclose(found["padding"], [(0.75 + 0.5 + 0.5) / 4, 0], atol=1e-4)


@pytest.mark.parametrize(
    ("short", "n"), [("repeat", 4), ("reflect", 4), ("skip", 0), ("error", 0)]
)
def test_clips_that_are_left_out_are_not_counted_as_filled_up(
    tables, tmp_path, short, n
):
    found = count(tables, tmp_path, m={"plugin": "mfcc", "short": short})
    assert found["short"].tolist() == [short] * 2
    assert found["n_padded"].tolist() == [n, 0]


def test_clips_at_another_rate_are_counted_at_that_of_the_model(tmp_path):
    for rate in (8_000, 44_100, 48_000):
        table = list_clips(tmp_path / str(rate), [0.5, 1.0, 1.5], rate)
        found = count({"d": table}, tmp_path, m={"plugin": "mfcc"})
        assert found["n_padded"].tolist() == [1]
        assert_allclose(found["padding"], 0.5, atol=1e-3)


def test_every_model_has_its_own_window(tables, tmp_path):
    (tmp_path / "own.py").write_text(stage2.WIDE)
    own = {"plugin": str(tmp_path / "own.py"), "hop": 12_000}
    found = count(tables, tmp_path, m={"plugin": "mfcc"}, own=own)
    assert found["model"].tolist() == ["m", "own"] * 2
    assert found["n_padded"].tolist() == [4, 3, 0, 0]
    assert found["window_s"].tolist() == [1.0, 0.75] * 2


def test_what_is_counted_is_what_was_filled_up(tables, tmp_path):
    """The frames of a short clip change with what fills it up; others do not."""
    plain = load_model("mfcc")
    for short in ("pad", "repeat", "reflect", "skip"):
        folder = tmp_path / short
        folder.mkdir()
        entry = {"plugin": "mfcc", "short": short}
        plan, _ = stage2.extract(tables["short"], folder, 2, entry)
        frames = open_embeddings(region_files.location_of(plan)).load()
        for i, seconds in enumerate(LENGTHS["short"]):
            samples, rate = soundfile.read(tmp_path / "short" / f"{i}.wav", dtype="f4")
            if seconds < 1 and short in ("repeat", "reflect"):
                samples = fill_up(samples, rate, short)
            expected = plain.embed(samples, rate).values
            if seconds < 1 and short == "skip":
                expected = expected[:0]
            got = frames.embedding.values[frames.clip_id.values == f"{i}.wav"]
            assert got.shape == expected.shape
            assert_allclose(got, expected, rtol=1e-5, atol=1e-4)


def test_another_filling_is_embedded_anew(tables, tmp_path, caplog):
    caplog.set_level("INFO", "earshift")
    keys = []
    for short in ("pad", "repeat", "reflect"):
        caplog.clear()
        entry = {"plugin": "mfcc", "short": short}
        plan, _ = stage2.extract(tables["short"], tmp_path, 1, entry)
        assert "6 of them to embed" in caplog.text
        keys.append(region_files.read(plan)["key"])
    assert len(set(keys)) == 3


def say(tmp_path, rows):
    (tmp_path / "tables").mkdir(exist_ok=True)
    table = pd.DataFrame(rows, columns=PADDING.names)
    table.to_csv(tmp_path / "tables" / "padding.csv", index=False)
    return [s for section in report.say(tmp_path) for s in section.sentences]


def row(dataset, n_clips, n_padded, model="vggish", condition="clean", short="pad"):
    return (dataset, model, condition, short, 0.975, n_clips, n_padded, 0.4)


def test_the_report_says_how_many_and_that_this_may_tell_datasets_apart(tmp_path):
    (said,) = say(tmp_path, [row("A", 60, 39), row("B", 80, 0)])
    assert said == (
        "39 of 60 clips of A and 0 of 80 clips of B are shorter than a window of "
        "vggish (0.975 s) and were filled up with zeros, 40 % of what the model saw of "
        "them; that alone may tell the datasets apart (by it, with a ROC-AUC of 0.82)."
    )


def test_the_report_says_so_where_datasets_are_alike(tmp_path):
    (said,) = say(tmp_path, [row("A", 50, 10), row("001", 100, 21)])
    assert "21 of 100 clips of 001" in said
    assert said.endswith("the datasets are much alike in this.")
    assert "ROC-AUC" not in said


def test_the_report_is_silent_where_no_clip_is_short(tmp_path):
    assert report.say(tmp_path) == []  # of an earlier version
    assert say(tmp_path, [row("A", 60, 0), row("B", 80, 0)]) == []
    assert say(tmp_path, []) == []


def test_each_model_that_filled_up_has_a_sentence(tmp_path):
    rows = [
        row(d, 10, n, m, short=s)
        for m, s, n in (
            ("vggish", "pad", 3),
            ("musicnn", "repeat", 5),
            ("mfcc", "pad", 0),
        )
        for d in ("A", "B")
    ]
    said = say(tmp_path, rows)
    assert len(said) == 2
    assert "filled up with zeros" in said[0]
    assert "a window of musicnn" in said[1]
    assert "filled up by repeating them" in said[1]


def test_the_share_by_which_datasets_are_told_apart_is_a_roc_auc():
    from sklearn.metrics import roc_auc_score

    is_padded = np.r_[np.arange(60) < 39, np.zeros(80, bool)]
    domain = np.arange(140) < 60
    assert_array_equal(round(roc_auc_score(domain, is_padded), 4), 0.825)
    assert pytest.approx(0.825) == 0.5 + (39 / 60 - 0) / 2


def test_a_raised_version_of_short_clips_counts_where_they_are_no_default():
    for entry, counts in (
        ({"plugin": "mfcc"}, False),
        ({"plugin": "mfcc", "short": "pad"}, False),
        ({"plugin": "mfcc", "short": "repeat"}, True),
        ({"plugin": "mfcc", "short": "skip"}, True),
    ):
        assert ("short_clips" in models.versions_of(entry)) == counts
