"""The plugin `table`: what a table may look like, and what is said of others."""

import json
import os
import re

import pandas as pd
import pytest
import soundfile

from earshift import datasets
from earshift.datasets import table
from earshift.errors import DataError
from earshift.stages.clips import listing
from tests.helpers import stage2
from tests.helpers.tones import tone

HEAD = "path,label,recording\n"


def listed(folder, content, **options):
    """The clips of a table, as stage 1 takes them."""
    folder.mkdir(exist_ok=True)
    content = content if isinstance(content, bytes) else content.encode()
    (folder / "clips.csv").write_bytes(content)
    return table.list_clips(folder, **options)


def refused(folder, content, message, **options):
    with pytest.raises(DataError, match=message) as caught:
        listed(folder, content, **options)
    return str(caught.value)


@pytest.mark.parametrize(
    "other", ["x ", " x", "\u00a0x", "x\u200b", "\ufeffx", "x\u00ad"]
)
def test_white_space_and_invisible_characters_make_no_other_name(tmp_path, other):
    rows = f"a.wav,x,1,r,train\nb.wav,{other},2,{other},train \nc.wav,y,1 ,r, Test\n"
    found = listed(tmp_path, f"path,label,recording,subgroup,split\n{rows}").clips
    assert datasets.classes(found) == ["x", "y"]
    assert found["label:x"].tolist() == [True, True, False]
    assert found["recording"].tolist() == ["1", "2", "1"]
    assert found["subgroup"].tolist() == ["r", "x", "r"]
    assert found["split"].tolist() == ["train", "train", "test"]


def test_the_unicode_form_makes_no_other_name_and_stays_in_paths(tmp_path):
    content = f"{HEAD}cafe\u0301.wav,cafe\u0301,ne\u0301\nb.wav,caf\u00e9,n\u00e9\n"
    found = listed(tmp_path, content).clips
    assert datasets.classes(found) == ["caf\u00e9"]
    assert found["recording"].nunique() == 1
    assert found["path"][0] == "cafe\u0301.wav"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            f"{HEAD}a.wav,x,1\n\nb.wav,Cello,2\nc.wav,cello,3\n",
            r"the class 'Cello' \(row 4\) and 'cello' \(row 5\) differ only by",
        ),
        (
            f"{HEAD}a.wav,x,Take\nb.wav,y,2\nc.wav,x,take\n",
            r"the recording 'Take' \(row 2\) and 'take' \(row 4\)",
        ),
        (
            "path,label,recording,subgroup\na.wav,x,1,Rock\nb.wav,y,2,rock\n",
            r"the subgroup 'Rock' \(row 2\) and 'rock' \(row 3\)",
        ),
        (
            "path,recording,label:X,label:x\na.wav,1,0,0\nb.wav,2,0,1\n",
            r"the class 'X' \(no clip has it\) and 'x' \(row 3\)",
        ),
        (
            "path,recording,label:x,label: x\na.wav,1,0,0\n",
            "columns 'label:x' and 'label: x' are of one class",
        ),
    ],
)
def test_names_that_differ_by_case_are_refused_with_both_rows(
    tmp_path, content, message
):
    refused(tmp_path, content, message)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1", "01"),
        ("001", "1.0"),
        ("100000", "1e5"),
        ("1.23E+05", "0123000"),
        ("0", "00"),
    ],
)
def test_numbers_that_differ_by_a_spreadsheets_zeros_are_refused(tmp_path, one, other):
    head = "path,label,recording,subgroup\n"
    message = rf"'{re.escape(one)}' \(row 2\) and '{re.escape(other)}' \(row 4\)"
    said = refused(tmp_path, f"{HEAD}a,x,{one}\nb,y,2\nc,x,{other}\n", message)
    assert "the recording" in said
    assert "zeros that a spreadsheet adds or drops" in said
    refused(tmp_path, f"{head}a,x,r,{one}\nb,y,s,2\nc,x,t,{other}\n", message)


def test_numbers_written_alike_stay_as_they_are(tmp_path):
    written = ["01", "02", "10", "1.1", "1.10", "0e12", "0e34", "1.5e0", "1a", "01a"]
    rows = "".join(f"{i}.wav,x,{name}\n" for i, name in enumerate(written))
    found = listed(tmp_path, HEAD + rows + "z.wav,y,01\n").clips
    assert found["recording"].tolist() == [*written, "01"]
    found = listed(tmp_path, f"{HEAD}a.wav,1,r\nb.wav,01,s\n").clips
    assert datasets.classes(found) == ["01", "1"]


def test_ids_and_paths_may_differ_by_case(tmp_path):
    found = listed(tmp_path, f"{HEAD}a.wav,x,1\nA.wav,y,2\n").clips
    assert found["clip_id"].tolist() == ["a.wav", "A.wav"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("clip_id,path,label,recording\n1,a.wav,x,1\n ,b.wav,y,2\n", "in row 3"),
        (f"{HEAD}a.wav,x,1\n,y,2\n", "row 3: no 'path'"),
        (f"{HEAD}a.wav,x,1\nb.wav,y,\u200b\n", "the first is row 3. Clips of one rec"),
        (f"{HEAD}a.wav,x,1\n\nb.wav,\u00a0,2\n", "row 4: no 'label'"),
        (f"{HEAD}a.wav,x,1\n\na.wav,y,2\n", r"first is 'a.wav' \(row 2, row 4\)"),
        ("path,recording,label:,label:y\na.wav,1,1,0\n", "'label:' names no class"),
        ("path,recording,label,label:y\na.wav,1,y,0\n", "'label', and 'label:y' for"),
        (",path,label,recording\n0,a.wav,x,1\n", "no name; pandas writes its index so"),
        ("path,label,recording,label\na.wav,x,1,y\n", "columns 2 and 4 are both named"),
        (f"{HEAD}", "has no clips"),
        (
            "path,label,recording,split\na.wav,x,1,train\nb.wav,x,2,val\n",
            "1 clips have the split 'val'.* row 3. Did you mean 'validation'",
        ),
        (
            f"path,label,recording,split\na.wav,x,1,1\nb.wav,x,2,{'9' * 30}\n",
            "the split '9{30}'; .* from 1 to 9999, or empty. The first is row 3",
        ),
        (
            "path,recording,label:x\na.wav,1,1\n\nb.wav,2,NA\n",
            "column 'label:x', row 4: a cell is 1 .* or empty .* got 'NA'",
        ),
    ],
)
def test_a_fault_is_named_with_its_row(tmp_path, content, message):
    refused(tmp_path, content, message)


@pytest.mark.parametrize(
    "cell",
    [
        '"""x"""',
        "\u201cx\u201d",
        "\u201ex\u201c",
        "\u2018x\u2019",
        "'x'",
        '="001"',
        '"=""001"""',
        '\u00a0"x"',
    ],
)
@pytest.mark.parametrize("column", [1, 2, 3, 4])
def test_names_that_are_still_in_quotes_are_refused(tmp_path, cell, column):
    head = ["path", "label", "recording", "subgroup", "split"]
    odd = ["b.wav", "y", "2", "s", "train"]
    odd[column] = cell
    content = f"{','.join(head)}\na.wav,x,1,r,test\n{','.join(odd)}\n"
    said = refused(
        tmp_path, content, f"row 3: the {head[column]} .* is in quotes, or a"
    )
    assert "(1 such rows)" in said


def test_quotes_within_names_and_after_blanks_make_no_other_name(tmp_path):
    content = f"""{HEAD}a.wav, "x",1\nb.wav,x,"Rock 'n' Roll"\nc.wav,6",'68\n"""
    found = listed(tmp_path, content).clips
    assert datasets.classes(found) == ['6"', "x"]
    assert found["recording"].tolist() == ["1", "Rock 'n' Roll", "'68"]


def test_labels_may_be_as_spreadsheets_write_them(tmp_path):
    cells = ["1", "0", "", "1.0", "0.0", "TRUE", "False", " 1", "true ", "\u00a0"]
    rows = "".join(f"{i}.wav,{i},{cell},0\n" for i, cell in enumerate(cells))
    found = listed(tmp_path, f"path,recording,label:x,label:y\n{rows}").clips
    expected = [True, False, None, True, False, True, False, True, True, None]
    assert [None if v is pd.NA else v for v in found["label:x"]] == expected


def test_folds_may_be_as_spreadsheets_write_them(tmp_path):
    rows = "".join(f"{i}.wav,x,{i},{i + 1}.0\n" for i in range(3))
    found = listed(tmp_path, f"path,label,recording,split\n{rows}").clips
    assert found["split"].tolist() == ["1", "2", "3"]


def test_each_missing_column_has_advice_of_its_own(tmp_path):
    said = refused(
        tmp_path, "path,label,recordin\na.wav,x,1\n", "no column 'recording'"
    )
    assert "Did you mean 'recordin'? Rename it." in said
    assert "label_column" not in said
    said = refused(tmp_path, "file,instrument,Recording\na.wav,x,1\n", "column 'path'")
    path, recording, label = said.split("\n")
    assert "the audio file of each clip" in path
    assert "Did you mean 'Recording'?" in recording
    assert "label_column" not in path + recording
    assert "name the column that holds it by 'label_column'" in label
    listed(tmp_path, "path,Class,recording\na.wav,x,1\n", label_column="Class")


def test_clips_that_are_all_recordings_of_their_own_are_warned_about(
    tmp_path, table_dataset, caplog
):
    file = table_dataset / "clips.csv"
    rows = pd.read_csv(file)
    stage2.list_clips(table_dataset, tmp_path)
    assert json.loads((tmp_path / "clips.notes.json").read_text())["warnings"] == []
    assert "warning" not in set(pd.read_csv(tmp_path / "audit.csv")["status"])
    rows.assign(recording=rows["path"]).to_csv(file, index=False)
    stage2.list_clips(table_dataset, tmp_path)
    (warning,) = json.loads((tmp_path / "clips.notes.json").read_text())["warnings"]
    assert "every clip is a recording of its own" in warning
    assert f"d: {warning}" in caplog.text
    audit = pd.read_csv(tmp_path / "audit.csv", keep_default_na=False)
    (row,) = audit[audit["status"].eq("warning")].to_dict("records")
    expected = {"clip_id": "", "path": "", "reason": warning, "usable": "yes"}
    assert row == expected | {"status": "warning"}
    # Few clips may well be of as many recordings.
    rows[:20].assign(recording=rows["path"][:20]).to_csv(file, index=False)
    assert datasets.warnings(table.list_clips(table_dataset)) == []


#: An adapter whose clips are the files of a folder, by `os.fsdecode`'s names.
OF_FILES = """
from earshift import names
from earshift.datasets import ClipList, one_label_per_clip
import pandas as pd
version, licence, citation = 1, "", ""
def label_files(folder):
    return []
def list_clips(folder):
    found = sorted(names.printable(f.name) for f in folder.glob("*.wav"))
    clips = pd.DataFrame(
        {"clip_id": found, "path": found, "recording": found, "subgroup": None,
         "split": None}
    )
    skipped = {f.name: "not heard" for f in folder.glob("*.txt")}
    return ClipList(one_label_per_clip(clips, ["x", "y"] * (len(found) // 2)), skipped)
"""


def test_a_clip_whose_file_has_no_utf8_name_is_one_bad_clip(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    for name in (b"a.wav", b"caf\xe9.wav", b"c\\xe9.wav", b"d.wav"):
        with (folder / os.fsdecode(name)).open("wb") as file:
            soundfile.write(file, tone(200), 16_000, format="WAV")
    (folder / os.fsdecode(b"\xff.txt")).touch()
    (tmp_path / "own.py").write_text(OF_FILES)
    plugin = str(tmp_path / "own.py")
    found = listing.read(stage2.list_clips(folder, tmp_path, plugin, max_bad_clips=1))
    assert found.set_index("clip_id")["status"].to_dict() == {
        "a.wav": "ok",
        "caf\\xe9.wav": "unreadable",
        "c\\xe9.wav": "ok",
        "d.wav": "ok",
    }
    audit = pd.read_csv(tmp_path / "audit.csv").set_index("status")
    assert "is not UTF-8; rename it" in audit.loc["unreadable", "reason"]
    assert audit.loc["not_listed", "path"] == "\\xff.txt"
