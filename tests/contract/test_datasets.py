"""What every dataset adapter must do, on a tiny corpus in its official layout."""

import json
import os
import pkgutil
import re
import shutil
import subprocess
import sys
import unicodedata
from pathlib import Path

import pandas as pd
import pytest

from earshift import datasets, names, registry
from earshift.downloads import catalogue
from earshift.errors import ConfigError, EarshiftError
from earshift.stages.clips import listing
from tests.helpers import corpora, damage, stage2

#: With those that take an argument, of which the corpus says one.
PLUGINS = sorted(
    {
        *registry.names("datasets"),
        *(
            module.name
            for module in pkgutil.iter_modules(datasets.__path__)
            if not module.name.startswith("_")
        ),
    }
)

#: Plugins that list what the user's own table, or the index of another library, lists,
#: and look for no other files.
BY_LIST_ALONE = ("table", "mirdata", "soundata")

AUDIO = (".wav", ".ogg", ".au", ".flac", ".mp3")

#: What one writes who has something else in mind, in place of an option's value.
ODD = "no such value"


def entry_of(plugin, folder):
    """Write the tiny corpus of a plugin; return its config entry."""
    writer = getattr(corpora, f"write_{plugin}", None)
    if writer is None:
        pytest.fail(
            f"the dataset '{plugin}' has no tiny corpus to be tested on. Add a "
            f"function write_{plugin}(folder) to tests/corpora.py that writes a few "
            "clips in the official layout, two of them of one recording, and returns "
            "the folder, or a config entry if the plugin needs options."
        )
    made = writer(folder)
    return made if isinstance(made, dict) else {"plugin": plugin, "folder": str(made)}


@pytest.fixture(params=PLUGINS)
def entry(request, tmp_path):
    """The config entry of a plugin; its corpus is in the folder ``data``."""
    return entry_of(request.param, tmp_path / "data")


def module_of(entry):
    return registry.load("datasets", entry["plugin"])


def kind_of(entry):
    """The name of a plugin without its argument."""
    return entry["plugin"].partition(":")[0]


def listed(entry):
    """What stage 1 begins with; it is held to the rules of every list."""
    return datasets.find_clips("tiny", entry)


def labels_of(found):
    return found.clips.set_index("clip_id").filter(like=datasets.LABEL)


def label_files(entry):
    folder, options = Path(entry["folder"]), datasets.options(entry)
    return module_of(entry).label_files(folder, **options)


def same(found, expected):
    """The same clips in the same order, and the same beside them in the same order."""
    pd.testing.assert_frame_equal(found.clips, expected.clips)
    for field in ("skipped", "noted", "unusable"):
        both = getattr(found, field), getattr(expected, field)
        assert [*both[0].items()] == [*both[1].items()], field


def test_a_dataset_without_a_tiny_corpus_fails_and_says_what_to_add(tmp_path):
    with pytest.raises(pytest.fail.Exception, match=r"Add a function write_new\(fold"):
        entry_of("new", tmp_path)


def test_ids_and_paths_are_names_that_any_tool_can_keep(entry):
    found, folder = listed(entry).clips, Path(entry["folder"])
    for column in ("clip_id", "path"):
        assert found[column].map(type).eq(str).all()
        assert found[column].str.strip().ne("").all()
        assert found[column].is_unique, "two clips have one"
    assert found["clip_id"].map(lambda i: unicodedata.is_normalized("NFC", i)).all()
    for path in map(Path, found["path"]):
        assert not path.is_absolute()
        assert ".." not in path.parts
        assert (folder / path).is_file()


def test_every_clip_has_a_recording_that_others_may_share(entry):
    found = listed(entry).clips
    recordings = found["recording"]
    assert recordings.map(type).eq(str).all()
    assert recordings.map(names.clean).eq(recordings).all()
    assert recordings.ne("").all()
    assert recordings.duplicated().any(), "the corpus needs two clips of one recording"
    assert recordings.nunique() > 1
    sides = found.dropna(subset="split").groupby("recording")["split"].nunique()
    assert (sides <= 1).all(), "a recording is on two sides of the official split"


def test_every_class_has_a_column_of_present_absent_or_unknown(entry):
    found = listed(entry)
    labels = labels_of(found)
    assert (labels.dtypes == "boolean").all()
    # Who is silent on a clip does not say that it is of no class.
    assert (labels.fillna(value=True)).any(axis=1).all()
    assert labels.fillna(value=False).any(axis=None)
    declared = getattr(module_of(entry), "CLASSES", None)
    if declared is not None:
        assert datasets.classes(found.clips) == sorted(declared)
        unused = ~labels.fillna(value=False).any()
        assert unused.any(), "the corpus needs a class that no clip has"
    elif kind_of(entry) not in BY_LIST_ALONE:
        assert label_files(entry), "no CLASSES, and no file that could say the classes"


def test_the_split_is_the_official_one_or_none(entry):
    # `datasets.check`, which `listed` calls, knows what a split may be.
    split = listed(entry).clips["split"]
    assert split.notna().all() or split.isna().all()


def test_it_does_not_matter_where_the_folder_lies(entry, tmp_path, monkeypatch):
    before = listed(entry)
    link = tmp_path / "link"
    link.symlink_to(entry["folder"], target_is_directory=True)
    same(listed({**entry, "folder": str(link)}), before)
    moved = tmp_path / "else where" / "it's [1] *, cafe\u0301"
    moved.parent.mkdir()
    shutil.move(entry["folder"], moved)
    same(listed({**entry, "folder": str(moved)}), before)
    monkeypatch.chdir(moved.parent)
    same(listed({**entry, "folder": moved.name}), before)


def make_hostile(entry):
    """Put files with odd names beside the first clip; return what is audio of them."""
    path = listed(entry).clips["path"].iloc[0]
    return damage.add_odd_files(Path(entry["folder"]), path)


def test_the_order_of_a_folder_does_not_matter(entry):
    folder = Path(entry["folder"])
    make_hostile(entry)
    orders, found = [], []
    for reverse in (False, True):
        with damage.sorted_folders(reverse=reverse):
            orders.append([*folder.rglob("*")])
            found.append(listed(entry))
    assert orders[0] != orders[1]
    same(*found)


LIST_ALL = """
import json, sys
from earshift import datasets
for entry in json.load(sys.stdin):
    found = datasets.find_clips("tiny", entry)
    print(found.clips.to_csv(index=False), found.skipped, found.noted, found.unusable)
"""


def test_every_process_makes_the_same_list(tmp_path):
    entries = [
        entry_of(plugin, tmp_path / plugin / "data")
        for plugin in PLUGINS
        if plugin not in BY_LIST_ALONE  # to load their libraries takes seconds
    ]
    for each in entries:
        make_hostile(each)
    outputs = {
        subprocess.run(
            [sys.executable, "-c", LIST_ALL],
            input=json.dumps(entries),
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
            text=True,
            timeout=200,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outputs) == 1


def same_rows(found, expected):
    """The same facts of clips, whatever their paths; None is as good as NaN."""
    columns = [c for c in expected if c != "path"]
    pd.testing.assert_frame_equal(
        *(table[columns].astype("string") for table in (found, expected))
    )


def stage_1(entry, tmp_path):
    """The clip table and the audit of a corpus, as stage 1 writes them."""
    others = {k: v for k, v in entry.items() if k not in ("plugin", "folder")}
    table = stage2.list_clips(
        Path(entry["folder"]), tmp_path, entry["plugin"], max_bad_clips=999, **others
    )
    audit = pd.read_csv(tmp_path / "audit.csv", keep_default_na=False)
    return listing.read(table), audit


def test_files_with_odd_names_are_listed_or_counted_with_the_reason(entry, tmp_path):
    before = listed(entry).clips
    added = make_hostile(entry)
    table, audit = stage_1(entry, tmp_path)
    rows = table.set_index("clip_id").loc[before["clip_id"]]
    assert rows["status"].eq("ok").all()
    same_rows(rows, before.set_index("clip_id"))
    assert table["clip_id"].map(lambda i: unicodedata.is_normalized("NFC", i)).all()
    if kind_of(entry) in BY_LIST_ALONE:
        assert table["clip_id"].tolist() == before["clip_id"].tolist()
        return
    place = f"{entry['folder']}/"
    used = set(table.loc[table["status"].eq("ok"), "path"].str.removeprefix(place))
    reasons = audit.set_index(audit["path"].str.removeprefix(place))["reason"]
    for path in added:
        assert path in used or reasons[path], path
    assert used.isdisjoint(added[-2:]), "an empty file or a folder is no clip"


def test_an_ending_in_capitals_loses_no_clip(entry, tmp_path):
    before, folder = listed(entry), Path(entry["folder"])
    for path in before.clips["path"][1:]:
        file = folder / path
        file.rename(file.with_name(file.stem + file.suffix.swapcase()))
    table, _ = stage_1(entry, tmp_path)
    assert table["clip_id"].tolist() == before.clips["clip_id"].tolist()
    same_rows(table, before.clips)
    lost = table[table["status"] != "ok"]
    assert lost["reason"].str.contains("but there is .*: another case").all()


def test_a_listed_clip_without_its_file_stays(entry, tmp_path):
    if getattr(module_of(entry), "list_without_audio", list) is None:
        pytest.skip("its clips are known by their audio files alone")
    before = listed(entry).clips
    (Path(entry["folder"]) / before["path"].iloc[-1]).unlink()
    table, audit = stage_1(entry, tmp_path)
    gone = before["clip_id"].iloc[-1]
    if gone in set(table["clip_id"]):
        assert table["clip_id"].tolist() == before["clip_id"].tolist()
        assert table.set_index("clip_id").loc[gone, "status"] == "missing"
    else:
        assert audit["path"].str.contains(gone, regex=False).any()


def test_without_audio_the_clips_are_the_same_or_it_is_refused(entry):
    before, folder = listed(entry), Path(entry["folder"])
    silent = {**entry, "audio": False}
    if getattr(module_of(entry), "list_without_audio", list) is None:
        with pytest.raises(ConfigError, match="known by their audio files alone"):
            listed(silent)
        return
    for file in folder.rglob("*"):
        if file.suffix.lower() in AUDIO:
            file.unlink()
    found = listed(silent).clips.set_index("clip_id")
    expected = before.clips.set_index("clip_id")
    assert sorted(found.index) == sorted(expected.index)
    same_rows(found.loc[expected.index], expected)


#: What may happen to a file -> what is then in it; None if it is not there.
DAMAGE = {
    "deleted": lambda _: [None],
    "emptied": lambda _: [b""],
    "cut": damage.cut,
    "a blank cell": damage.with_a_blank_cell,
}


@pytest.mark.parametrize("how", DAMAGE)
def test_damage_of_a_label_file_is_an_error_that_names_it_or_is_counted(
    how, entry, tmp_path
):
    before = listed(entry)
    own = [file for file in label_files(entry) if file.is_relative_to(tmp_path)]
    assert own or getattr(module_of(entry), "list_without_audio", list) is None
    for file in own:
        content = file.read_bytes()
        for damaged in DAMAGE[how](content):
            if damaged is None:
                file.unlink()
            else:
                file.write_bytes(damaged)
            check_noticed(before, entry, file, how)
        file.write_bytes(content)
    same(listed(entry), before)


def check_noticed(before, entry, file, how):
    """Hold an adapter to saying what it lost with a damaged label file."""
    try:
        after = listed(entry)
    except EarshiftError as error:
        assert how == "a blank cell" or file.name in str(error)  # noqa: PT017
        return
    reasons = {**after.skipped, **after.noted, **after.unusable}
    old, new = labels_of(before), labels_of(after)
    for clip_id in set(old.index) - set(new.index):
        assert any(clip_id in place for place in reasons), f"{clip_id} is not counted"
    assert new.fillna(value=True).any(axis=1).all(), "what is not known is not absent"
    if how in ("deleted", "emptied") and not after.clips.equals(before.clips):
        assert reasons != {**before.skipped, **before.noted, **before.unusable}
    if how == "a blank cell":
        old, new = (t.loc[old.index.intersection(new.index)] for t in (old, new))
        assert (new.isna() | (new == old)).fillna(value=True).all(axis=None)


def test_label_files_are_all_that_labels_depend_on(entry, tmp_path):
    before, named = listed(entry), label_files(entry)
    assert named == label_files(entry)
    assert all(file.is_file() for file in named)
    assert len(set(named)) == len(named)
    if kind_of(entry) in ("mirdata", "soundata"):
        return  # docs/adapters.md: they do not say which files they read
    others = [f for f in tmp_path.rglob("*") if f.is_file() and f not in named]
    for file in others:
        if file.suffix.lower() not in AUDIO:
            file.unlink()
    same(listed(entry), before)


def test_files_may_be_asked_for_before_the_folder_is_there(entry, tmp_path):
    later = {**entry, "folder": str(tmp_path / "later")}
    label_files(later)
    with pytest.raises(EarshiftError, match=r"later.* (does not exist|is not there)"):
        listed(later)


def test_options_that_are_none_are_refused(entry):
    plugin = entry["plugin"]
    known = [*registry.all_options("datasets", plugin, {})]
    registry.check_options("datasets", plugin, datasets.options(entry))
    wrong = f"{known[0]}_" if known else "subst"
    hint = f"Did you mean '{known[0]}'" if known else "known: none"
    with pytest.raises(ConfigError, match=f"no option '{wrong}' .*{hint}"):
        registry.check_options(
            "datasets", plugin, {**datasets.options(entry), wrong: 1}
        )
    assert set(known).isdisjoint({"plugin", "folder", "audio", "recordings"})
    for option in set(known) - {"label_column"}:  # idle where each class has a column
        odd = {**entry, option: ODD}
        with pytest.raises(EarshiftError, match=re.escape(ODD)):  # noqa: PT012
            registry.check_options("datasets", plugin, datasets.options(odd))
            listed(odd)


def test_it_says_its_licence_citation_and_version(entry):
    plugin = module_of(entry)
    assert isinstance(plugin.version, int)
    assert plugin.version > 0
    assert plugin.licence.strip()
    if kind_of(entry) != "table":
        assert re.search(r"\b(19|20)\d\d\b", plugin.citation)
    space = datasets.namespace(entry)
    assert space is None or space == names.clean(space) != ""


def creative_commons(licence):
    """The first Creative Commons licence that a text names, or None."""
    found = re.search(r"CC[ -][A-Z0-9-]+( \d\.\d)?", licence)
    return found and found[0]


def author_and_year(citation):
    author, year = re.match(r"\w+", citation), re.search(r"\((\d{4})\)", citation)
    return author and author[0], year and year[1]


@pytest.mark.parametrize("file", catalogue.datasets())
def test_the_register_says_the_same_as_the_plugin(file):
    registered = catalogue.datasets()[file]
    plugin = registry.load("datasets", registered.dataset)
    licences = creative_commons(registered.licence), creative_commons(plugin.licence)
    assert licences[0] == licences[1]
    assert author_and_year(registered.citation) == author_and_year(plugin.citation)
