import pytest

from earshift.errors import DataError
from earshift.runs import beforehand

HEADER = "path,label,recording"


def rows(classes=("cello", "flute"), n=8, clips=2, name="r"):
    """A table's rows: `n` recordings of each class, some clips of each."""
    return [
        f"{c}{i}_{k}.wav,{c},{name}{c}{i}"
        for c in classes
        for i in range(n)
        for k in range(clips)
    ]


def write(folder, *lines, header=HEADER, name="clips.csv"):
    folder.mkdir(exist_ok=True)
    (folder / name).write_text("\n".join([header, *lines]) + "\n")
    return folder


def config(tmp_path, **changes):
    dataset = {n: {"plugin": "table", "folder": str(tmp_path / n)} for n in "ab"}
    splits = {"kind": "grouped", "n_folds": 3} | changes.pop("splits", {})
    return {
        "datasets": dataset,
        "downloads": {"register": None},
        "alignment": None,
        "splits": splits,
        "subgroups": [],
        "study": None,
        "protocols": ["fixed"],
        "classes": [],
        "classifier": {"n_inner_folds": 3},
    } | changes


def look(tmp_path, **changes):
    return beforehand.look(config(tmp_path, **changes), made=tmp_path / "made")


def test_shared_classes_and_those_left_out_are_said_without_any_audio(tmp_path):
    write(tmp_path / "a", *rows(("cello", "flute", "sax")))
    write(tmp_path / "b", *rows(("cello", "flute", "saxophone")))
    assert look(tmp_path) == [
        "classes in all of a, b: 2 (cello, flute)",
        "left out: sax (a: 16 clips, 16 kept as negatives; did you mean 'saxophone' of "
        "b?): not labelled in b.",
        "left out: saxophone (b: 16 clips, 16 kept as negatives; did you mean 'sax' of "
        "a?): not labelled in a.",
    ]


@pytest.mark.parametrize(
    ("lines", "options", "message"),
    [
        ({"header": "path,title,recording"}, {}, r"b/clips.csv.* 'label'"),
        ({"lines": ["x.wav,cello"]}, {}, r"b/clips.csv'?, row 2"),
        ({"lines": ["x.wav,,r"]}, {}, r"b/clips.csv'?, row 2"),
        ({"lines": ["x.wav,cello,"]}, {}, "no recording"),
        ({"lines": rows(("cello",))}, {}, "one class only, 'cello'"),
        ({"lines": ["x,a,r", "y,b,r"]}, {}, "all 2 clips of .* 'b' are of one record"),
        ({"lines": rows(n=4)[::4]}, {"n_folds": 5}, "'n_folds' .* to 4 or less"),
        ({"lines": rows(n=1)}, {}, "no experiment can do with fewer than 4"),
        ({}, {"kind": "official"}, "Use 'kind: grouped'"),
        ({"lines": rows(("celli", "organ"))}, {}, "'celli' of b and 'cello'"),
        ({"lines": rows(n=3)}, {}, r": 3 recordings with it, and 3 .* need 5 \(b\)"),
    ],
)
def test_what_is_wrong_with_a_table_is_an_error(tmp_path, lines, options, message):
    write(tmp_path / "a", *rows())
    given = {"lines": rows()} | lines
    write(tmp_path / "b", *given.pop("lines"), **given)
    with pytest.raises(DataError, match=message):
        look(tmp_path, splits=options)


def sided(*splits, **options):
    """Rows of a table with a column of splits: those of recordings in turn."""
    found = [row for row in rows(**options) if row.partition(",")[0].endswith("_0.wav")]
    return [f"{row},{splits[i % len(splits)]}" for i, row in enumerate(found)]


@pytest.mark.parametrize(
    ("splits", "more", "message"),
    [
        (["train"], "", "'b' has 16 clips .* none of them tests"),
        (["train", "validation"], "", "'b' has 16 clips .* none of them tests"),
        (["test"], "", "'b' has 16 clips .* all of them test"),
        (["train", "test"], "rcello0,test", "'b': 1 .* both sides .* 'rcello0'"),
        (["1", "2"], "rcello0,2", "'b': 1 .* both sides .* 'rcello0'"),
        (["1", "2"], f"r,{'9' * 30}", "the number of a fold from 1 to 9999"),
    ],
)
@pytest.mark.parametrize("other", ["train,test", "1,2"])
def test_what_is_wrong_with_an_official_split_is_an_error(
    tmp_path, splits, more, message, other
):
    header = f"{HEADER},split"
    more = [f"more.wav,cello,{more}"] if more else []
    write(tmp_path / "a", *sided(*other.split(",")), header=header)
    write(tmp_path / "b", *sided(*splits), *more, header=header)
    kind = {"kind": "official"}
    with pytest.raises(DataError, match=message):
        look(tmp_path, splits=kind)
    write(tmp_path / "b", *sided("train", "test"), header=header)
    assert look(tmp_path, splits=kind)


def test_folds_that_are_merged_are_checked_as_merged(tmp_path):
    header = f"{HEADER},split"
    more = "more.wav,cello,rcello0,3"  # in folds 1 and 3, which are one of two
    write(tmp_path / "a", *sided("1", "2"), header=header)
    write(tmp_path / "b", *sided("1", "2", "3", "4"), more, header=header)
    assert look(tmp_path, splits={"kind": "official"})
    write(tmp_path / "a", *sided("1", "2", "3", "4"), header=header)
    with pytest.raises(DataError, match=r"'b': 1 .* both sides"):
        look(tmp_path, splits={"kind": "official"})


def test_a_single_split_is_checked_without_the_other_datasets(tmp_path):
    more = "more.wav,cello,rcello0,test"
    write(tmp_path / "a", *sided("train", "test"), more, header=f"{HEADER},split")
    with pytest.raises(DataError, match=r"'a': 1 .* both sides"):
        look(tmp_path, splits={"kind": "official"})


def test_a_class_with_too_few_recordings_is_left_out_and_the_others_stay(tmp_path):
    write(tmp_path / "a", *rows(("cello", "flute", "horn")))
    write(tmp_path / "b", *rows(), *rows(("horn",), n=2))
    said = look(tmp_path)
    assert said[0] == "classes in all of a, b: 2 (cello, flute)"
    assert said[1].endswith(
        ": 2 recordings with it, and 3 folds with 3 inner folds need 5 (b)."
    )
    with pytest.raises(DataError, match="class 'horn' of dataset 'b' cannot be used"):
        look(tmp_path, classes=["horn", "cello"])


def test_as_many_recordings_as_clips_is_said(tmp_path):
    write(tmp_path / "a", *rows())
    write(tmp_path / "b", *rows(n=12, clips=1))
    said = look(tmp_path)
    assert said[0].startswith("b: every clip is a recording of its own")


def test_labels_that_an_alignment_does_not_name_are_said(tmp_path):
    write(tmp_path / "a", *rows(("vc", "fl", "organ")))
    write(tmp_path / "b", *rows())
    file = tmp_path / "map.yaml"
    file.write_text("classes: {cello: {a: vc, b: cello}, flute: {a: fl, b: flute}}")
    said = look(tmp_path, alignment=str(file))
    assert said == [
        "classes in all of a, b: 2 (cello, flute)",
        "left out: organ (a: 16 clips, 16 kept as negatives): no rule of the alignment "
        "names it (a).",
    ]


def test_of_a_large_table_the_first_lines_are_checked(tmp_path, monkeypatch):
    monkeypatch.setattr(beforehand, "WHOLE_BYTES", 1000)
    monkeypatch.setattr(beforehand, "FIRST_LINES", 40)
    write(tmp_path / "a", *rows(n=40))
    write(tmp_path / "b", *rows(n=2))
    assert look(tmp_path) == [
        "a: only the first 40 lines of clips.csv were checked: it is large."
    ]
    # Quotes that open no cell, and cells with quotes and ends of lines.
    more = ['6" drum.wav,cello,z', '"7"" tom.wav",cello,z', 'x.wav, "cello', 'b",r0']
    write(tmp_path / "a", *more, *rows(n=40))
    assert look(tmp_path) == [
        "a: only the first 40 lines of clips.csv were checked: it is large."
    ]
    # The first lines end within a cell: where it starts, the check ends.
    write(tmp_path / "a", *rows(n=40)[:38], *['x.wav,"cello', 'or not",r0'] * 20)
    assert look(tmp_path) == [
        "a: only the first 39 lines of clips.csv were checked: it is large."
    ]
    # All of them are in the first cell: the whole table is checked.
    within = ['"x', *["x"] * 50, '.wav",cello,z']
    write(tmp_path / "a", *within, *rows(n=40))
    with pytest.raises(DataError, match=r"no class can be used .*\n.*a: 81 clips"):
        look(tmp_path)
    (tmp_path / "a" / "clips.csv").write_text(f'"{HEADER}\n' + "x,y,z\n" * 300)
    with pytest.raises(DataError, match="a double quote is opened"):
        look(tmp_path)
    write(tmp_path / "a", "x.wav,,r", *rows(n=40))
    with pytest.raises(DataError, match="no 'label'") as raised:
        look(tmp_path)
    assert str(tmp_path / "a" / "clips.csv") in str(raised.value)


def test_folders_that_a_job_makes_may_be_unfinished(tmp_path):
    write(tmp_path / "a", *rows())
    write(tmp_path / "b", header="path")
    found = config(tmp_path)
    with pytest.raises(DataError):
        beforehand.look(found, made=tmp_path / "made")
    assert beforehand.look(found, made=tmp_path) == []


def test_a_dataset_that_is_not_at_hand_says_nothing_of_shared_classes(tmp_path):
    write(tmp_path / "a", *rows())
    assert look(tmp_path) == []
