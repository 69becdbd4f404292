"""Loaders of mirdata and soundata, by the real libraries, against our own adapters."""

import json
import re
import socket
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from earshift import datasets, registry
from earshift.datasets import _loaders, irmas
from earshift.errors import ConfigError, DataError
from earshift.miniature import synthesise
from tests.helpers import corpora, stage2

mirdata = pytest.importorskip("mirdata", reason="the extra 'datasets' is not installed")
soundata = pytest.importorskip(
    "soundata", reason="the extra 'datasets' is not installed"
)

GENRES = {"attribute": "genre", "values": irmas.GENRES}
IRMAS = {
    "label": {
        "attribute": "predominant_instrument",
        "values": irmas.INSTRUMENTS,
    },
    "recording": {"attribute": "track_id", "pattern": r"(\d{4})__\d+$"},
    "subgroup": GENRES,
}

ESC50 = {"label": "category", "recording": "src_file", "split": "fold"}


@pytest.fixture(scope="module")
def mini_irmas(tmp_path_factory):
    folder = tmp_path_factory.mktemp("loaders") / "irmas"
    folder.mkdir()
    synthesise("irmas", folder, seed=0, scale=0.1)
    sounds = sorted(folder.glob("IRMAS-TrainingData/*/*.wav"))
    paths = {
        p.stem: {"audio": str(p.relative_to(folder)), "annotation": None}
        for p in sounds
    }
    return folder, corpora.write_index(
        folder.parent / "index.json", "track", paths, folder
    )


@pytest.fixture
def esc50(tmp_path):
    folder = corpora.write_esc50(tmp_path / "esc50")
    paths = {
        row[0].removesuffix(".wav"): {"audio": f"audio/{row[0]}"}
        for row in corpora.ESC50
    }
    return folder, corpora.write_index(tmp_path / "index.json", "clip", paths, folder)


def listed(name, folder, index, **options):
    registry.check_options("datasets", name, {"index": index, **options})
    plugin = registry.load("datasets", name)
    found = plugin.list_clips(folder, index=index, **options)
    datasets.check(found, name)
    return found


def same(found, expected):
    """The same rows, in whatever order, and the same classes that any clip has."""
    tables = []
    for table in (found, expected):
        unused = [c for c in table.filter(like="label:") if not table[c].any()]
        table = table.drop(columns=unused).sort_values("clip_id", ignore_index=True)
        tables.append(table[sorted(table.columns)])
    pd.testing.assert_frame_equal(*tables)


def test_irmas_is_the_same_by_mirdata_and_by_our_own_adapter(mini_irmas):
    folder, index = mini_irmas
    found = listed("mirdata:irmas", folder, index, **IRMAS)
    assert found.skipped == {}
    assert len(found.clips) == 40
    # All classes that 'values' names have a column. Our split is not mirdata's.
    assert datasets.classes(found.clips) == sorted(irmas.INSTRUMENTS.values())
    expected = irmas.list_clips(folder).clips.assign(split=None)
    same(found.clips, expected)


def test_esc50_is_the_same_by_soundata_and_by_our_own_adapter(esc50):
    folder, index = esc50
    found = listed("soundata:esc50", folder, index, **ESC50)
    own = registry.load("datasets", "esc50").list_clips(folder)
    same(found.clips, own.clips)
    nested = listed("soundata:esc50", folder, index, **ESC50 | {"label": "tags.labels"})
    same(nested.clips, own.clips)


def test_urbansound8k_is_the_same_by_soundata_with_numbers_for_subgroups(tmp_path):
    folder = corpora.write_urbansound8k(tmp_path / "data")
    paths = {
        row[0].removesuffix(".wav"): {"audio": f"audio/fold{row[5]}/{row[0]}"}
        for row in corpora.URBANSOUND8K
    }
    index = corpora.write_index(tmp_path / "index.json", "clip", paths, folder)
    salience = {"attribute": "salience", "values": {1: "foreground", 2: "background"}}
    found = listed(
        "soundata:urbansound8k",
        folder,
        index,
        label="class_label",
        recording="freesound_id",
        subgroup=salience,
        split="fold",
    )
    same(
        found.clips, registry.load("datasets", "urbansound8k").list_clips(folder).clips
    )


def test_the_three_subsets_of_medley_solos_db_are_named_by_values(tmp_path):
    layout = {"annotation": "annotation", "audio": "audio", "ending": ".wav"}
    folder = corpora.write_medley_solos_db(tmp_path / "data", **layout)
    paths = {
        uuid: {"audio": f"audio/Medley-solos-DB_{subset}-{number}_{uuid}.wav"}
        for subset, _, number, _, uuid in corpora.MEDLEY
    }
    index = corpora.write_index(tmp_path / "index.json", "track", paths, folder)
    found = listed(
        "mirdata:medley_solos_db",
        folder,
        index,
        label="instrument",
        recording="song_id",
        split={"attribute": "subset", "values": {"training": "train"}},
    )
    own = registry.load("datasets", "medley_solos_db").list_clips(folder)
    same(found.clips, own.clips)


def test_a_clip_without_a_label_is_skipped_and_one_without_audio_is_bad(
    mini_irmas, tmp_path
):
    folder = mini_irmas[0]
    entries = json.loads(Path(mini_irmas[1]).read_text())
    first, second, *_ = entries["tracks"]
    entries["tracks"] = {
        first: entries["tracks"][first],
        second: entries["tracks"][second],
        "song-1": entries["tracks"][first],  # of the test part: no one instrument
        "x__1": {"audio": [None, None], "annotation": [None, None]},
    }
    gone = entries["tracks"][second]["audio"]
    gone[0] = gone[0].replace("__2", "__3")
    index = tmp_path / "index.json"
    index.write_text(json.dumps(entries))
    options = {
        "index": str(index),
        "label": "predominant_instrument",
        "recording": "track_id",
    }
    plugin = registry.load("datasets", "mirdata:irmas")
    skipped = plugin.list_clips(folder, **options).skipped
    expected = "it has no label: 'predominant_instrument' says nothing"
    assert skipped["song-1"] == expected
    assert "mirdata cannot read it" in skipped["x__1"]
    assert len(skipped) == 2
    stage2.list_clips(folder, tmp_path, "mirdata:irmas", max_bad_clips=1, **options)
    audit = pd.read_csv(tmp_path / "audit.csv")
    assert audit["status"].tolist() == ["missing", "not_listed", "not_listed"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"label": "categry"}, r"no attribute 'categry' .*Did you mean 'category'"),
        ({"label": "tags.label"}, r"Tags has no attribute 'label' .*'labels'"),
        ({"recording": {"pattern": "x"}}, "'recording' names an attribute"),
        (
            {"recording": {"attribute": "take", "patterns": "x"}},
            "Did you mean 'pattern'",
        ),
        (
            {"recording": {"attribute": "take", "values": None}},
            r"'values' \(a mapping\)",
        ),
        ({"recording": {"attribute": "take", "pattern": "("}}, "'recording': pattern:"),
        ({"version": "9.9"}, "'soundata:esc50', 'version': Invalid version 9.9"),
    ],
)
def test_a_wrong_mapping_says_what_would_be_right(esc50, change, message):
    folder, index = esc50
    with pytest.raises(ConfigError, match=message):
        listed("soundata:esc50", folder, index, **ESC50 | change)


def test_the_error_for_an_attribute_lists_no_methods(esc50):
    folder, index = esc50
    with pytest.raises(ConfigError) as error:
        listed("soundata:esc50", folder, index, **ESC50 | {"label": "nothing"})
    known = re.search(r"known: (.*)\)", str(error.value))[1].split(", ")
    assert {"audio_path", "category", "fold", "src_file", "take"} <= set(known)
    assert not {"to_jams", "get_path"} & set(known)


def test_a_pattern_that_matches_nothing_skips_the_clip(esc50):
    folder, index = esc50
    recording = {"attribute": "filename", "pattern": r"^1-(\d+)-"}
    found = listed("soundata:esc50", folder, index, **ESC50 | {"recording": recording})
    assert set(found.clips["recording"]) == {"100032", "100210"}
    expected = "it has no recording: 'filename' says nothing"
    assert found.skipped == {"2-101676-A-10": expected, "5-9032-A-0": expected}
    recording = {"attribute": "filename", "pattern": "^x"}
    with pytest.raises(DataError, match="none of 5 clips can be used; the first"):
        listed("soundata:esc50", folder, index, **ESC50 | {"recording": recording})


class Track:
    """An item with every kind of value that loaders give."""

    def __init__(self):
        self.labels = ["a", "b"]
        self.number = 3.0
        self.half = 0.5
        self.nothing = None


def test_values_may_be_lists_numbers_or_nothing():
    track = Track()
    assert _loaders.Source("labels").find(track) == ["a", "b"]
    assert _loaders.Source("labels", values={"a": "x"}).find(track) == ["x", "b"]
    assert _loaders.Source("number").find_one(track) == "3"
    assert _loaders.Source("half").find_one(track) == "0.5"
    assert _loaders.Source("nothing.more").find_one(track) is None
    with pytest.raises(ConfigError, match=r"2 values for one clip \(a, b\)"):
        _loaders.Source("labels").find_one(track)


def test_a_missing_index_says_how_to_get_it(tmp_path):
    plugin = registry.load("datasets", "soundata:esc50")
    with pytest.raises(DataError, match=r"(?s)esc50_index.*\.download\(\['index'\]\)"):
        plugin.list_clips(tmp_path, label="category", recording="src_file")
    with pytest.raises(DataError, match="nowhere' does not exist"):
        plugin.list_clips(tmp_path / "nowhere", label="a", recording="b")


def test_nothing_is_fetched(esc50, monkeypatch):
    def refuse(*_):
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    folder, index = esc50
    assert len(listed("soundata:esc50", folder, index, **ESC50).clips) == 5


def test_missing_metadata_says_which_by_the_loaders_own_words(esc50):
    folder, index = esc50
    (folder / "meta" / "esc50.csv").unlink()
    with pytest.raises(DataError, match=r"none of 5 clips .*Metadata not found"):
        listed("soundata:esc50", folder, index, **ESC50)


def test_an_unknown_loader_gets_the_nearest_right_one():
    with pytest.raises(ConfigError, match=r"mirdata has no .*Did you mean 'irmas'"):
        registry.load("datasets", "mirdata:irma")


def test_every_loader_is_a_plugin():
    for library in (mirdata, soundata):
        for name in library.list_datasets():
            plugin = registry.load("datasets", f"{library.__name__}:{name}")
            assert plugin.licence, name
            assert plugin.version == 1, name
            assert plugin.label_files("x", index="i", label="a") == [Path("i")], name


def test_a_library_that_is_not_installed_is_named_with_its_remedy():
    with pytest.raises(ConfigError, match=r"pip install 'earshift\[datasets\]'"):
        _loaders.plugin("mirdatta", "track", "irmas")


def test_neither_library_is_imported_before_clips_are_listed():
    code = (
        "import sys\n"
        "from earshift import registry\n"
        "plugin = registry.load('datasets', 'mirdata:irmas')\n"
        "registry.load('datasets', 'soundata:esc50').label_files('x')\n"
        "registry.check_options('datasets', 'mirdata:irmas', "
        "{'label': 'genre', 'recording': 'track_id'})\n"
        "heavy = {'mirdata', 'soundata', 'librosa', 'numba'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=200
    )
    assert (done.stdout.strip(), done.stderr) == ("[]", "")
