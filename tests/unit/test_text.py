"""How text is read: encodings, separators and numbers of lines, at one place."""

import codecs
import gzip
import logging

import pytest

from earshift import text
from earshift.errors import ConfigError, DataError

TABLE = "path,label,recording\na.wav,caf\u00e9,1\nb.wav,x,2\n"
NEEDED = ("path", "recording")


def written(tmp_path, content):
    file = tmp_path / "t.csv"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return file


def cells(tmp_path, content):
    return text.table(written(tmp_path, content), NEEDED).to_dict("list")


@pytest.mark.parametrize(
    "content",
    [
        TABLE.encode(),
        codecs.BOM_UTF8 + TABLE.encode(),
        codecs.BOM_UTF8 * 2 + TABLE.encode(),
        TABLE.encode("utf-16"),
        codecs.BOM_UTF16_BE + TABLE.encode("utf-16-be"),
        TABLE.replace("\n", "\r\n").encode(),
        TABLE.replace("\n", "\r").encode(),
        TABLE.replace(",", ";").encode(),
        TABLE.replace(",", "\t").encode(),
        b"sep=;\r\n" + TABLE.replace(",", ";").encode(),
        TABLE.replace(",", " ,\t").encode(),
        TABLE.replace("\n", ",,\n").encode(),
        b"\n\n" + TABLE.encode() + b"\n  \n,,\n",
        '"path","label","recording"\n"a.wav","caf\u00e9","1"\nb.wav,x,2'.encode(),
    ],
)
def test_a_table_is_read_however_it_was_saved(tmp_path, content):
    assert cells(tmp_path, content) == {
        "path": ["a.wav", "b.wav"],
        "label": ["caf\u00e9", "x"],
        "recording": ["1", "2"],
    }


def test_a_separator_that_is_no_comma_is_logged(tmp_path, caplog):
    caplog.set_level(logging.INFO, "earshift")
    cells(tmp_path, TABLE)
    assert caplog.text == ""
    cells(tmp_path, TABLE.replace(",", ";"))
    assert "t.csv: read with a semicolon between cells" in caplog.text


def test_the_separator_is_that_which_names_the_columns(tmp_path):
    found = cells(tmp_path, "path,recording,label:a;b;c\nx;y.wav,1,1\n")
    assert found == {"path": ["x;y.wav"], "recording": ["1"], "label:a;b;c": ["1"]}


def test_rows_are_numbered_by_the_lines_of_the_file(tmp_path):
    content = '\npath,recording\n\na.wav,1\n\n"b\nb.wav",2\n,,\nc.wav,3\n'
    with pytest.raises(DataError, match=r"t.csv', row 8: 3 cells where the .* has 2"):
        cells(tmp_path, content.replace(",,\n", "x,,\n"))
    found = text.table(written(tmp_path, content.replace(",,", "")), NEEDED)
    assert found.index.tolist() == [4, 6, 9]
    assert found["path"][6] == "b\nb.wav"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is no CSV table: it is empty.*path, recording"),
        (b"\xef\xbb\xbf\n\n", "is no CSV table: it is empty"),
        (b'path,recording\n\na.wav,1\n"b.wav,2\n', r"row 4: a double quote is opened"),
        (b'path,recording\n"a\\"b.wav",1\n', r"row 2: a double quote is opened"),
        (b"path,path,recording\n", "columns 1 and 2 are both named 'path'"),
        (b"path,recording, path\n", "columns 1 and 3 are both named 'path'"),
        (
            b"path;recording\na;1\nb;2;3\n",
            "row 3: 3 cells.*cells that hold a semicolon in double quotes",
        ),
        (
            "path,recording\na.wav,1\ncaf\u00e9.wav,2\n".encode("latin-1"),
            r"line 3: the byte 0xe9 is not UTF-8; in Latin-1 it would read "
            r"'caf\u00e9.wav,2'. Save it as UTF-8",
        ),
        (
            TABLE.encode("utf-16-le"),
            "line 1: a null character; .* without a byte-order",
        ),
        (codecs.BOM_UTF16_LE + b"abc", "starts as UTF-16, and is not"),
        (TABLE.encode("utf-32"), "t.csv' is UTF-32, not UTF-8 or UTF-16. Save it"),
        (codecs.BOM_UTF32_BE + TABLE.encode("utf-32-be"), "t.csv' is UTF-32"),
        (TABLE.encode() + b"\x1a", r"line 4: a Ctrl-Z character .*is at the end. Save"),
        (TABLE.encode() + b"\x1a\r\n", "line 4: a Ctrl-Z character"),
        # With the time in it, its name would differ from one process to the next.
        (
            gzip.compress(TABLE.encode(), mtime=0),
            "t.csv' is compressed with gzip, .* Unpack it",
        ),
        (
            TABLE.replace(",", "|").encode(),
            r"one cell, 'path\|label\|recording'. Put a",
        ),
        (TABLE.replace(",", " ").encode(), "one cell, 'path label recording'. Put a c"),
        (TABLE.replace(",", "\uff0c").encode(), "one cell, 'path\uff0clabel\uff0crec"),
        (b'"path,recording"\n"a.wav,1"\n', "'path,recording'.*no quotes around a who"),
        (b"PK\x03\x04\x14\x00", "is a spreadsheet or another archive.*'CSV UTF-8'"),
    ],
)
def test_what_is_no_table_is_refused_with_the_place(tmp_path, content, message):
    with pytest.raises(DataError, match=message):
        cells(tmp_path, content)


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(DataError, match=r"gone' cannot be read: No such file"):
        text.read(tmp_path / "gone")
    with pytest.raises(DataError, match="cannot be read: Is a directory"):
        text.read(tmp_path)


def test_columns_without_a_name_are_named_by_their_place_or_left_out(tmp_path):
    found = cells(tmp_path, ",path,recording,\n0,a.wav,1,\n1,b.wav,2,\n")
    assert list(found) == ["(column 1)", "path", "recording"]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_quote_after_a_blank_opens_a_cell(tmp_path, separator):
    rows = [
        [' "path"', ' "recording"', ' "label"'],
        [' "a,;\t.wav"', ' "x"', " y"],
        ["b.wav", '6"', ' "y"'],
    ]
    content = "\n".join(separator.join(row) for row in rows)
    assert cells(tmp_path, content) == {
        "path": ["a,;\t.wav", "b.wav"],
        "recording": ["x", '6"'],
        "label": ["y", "y"],
    }


def test_lines_are_trimmed_and_numbered(tmp_path):
    file = written(tmp_path, b"\xef\xbb\xbfa b\r\n\r\n \xc2\xa0\n\xe2\x80\x8bc\td \n")
    assert text.lines(file) == [(1, "a b"), (4, "c\td")]


def test_whole_numbers_lose_what_spreadsheets_add():
    assert [text.whole(c) for c in ("3.0", "10.000", "3", "3.5", "a.0", ".0")] == [
        *("3", "10", "3", "3.5", "a.0", ".0"),
    ]


def test_json_is_read_with_a_mark_and_a_mistake_is_placed(tmp_path):
    assert text.from_json(written(tmp_path, b'\xef\xbb\xbf{"a": 1}')) == {"a": 1}
    with pytest.raises(DataError, match="line 2: no JSON: Expecting value"):
        text.from_json(written(tmp_path, '{"a":\n}'))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            b"a:\n\tb: 1\n",
            r"line 2: found character .* Indent with spaces, not with tab",
        ),
        (b"a: 1\nb: caf\xe9\n", "line 2: the byte 0xe9 is not UTF-8"),
        (b"a: 1\nb: \x07\n", "line 2: special characters are not allowed"),
        (b"a: 1\nb: 2\na: 3\n", "line 3: the key 'a' is there twice"),
        (b"a: {x: 1,\n  x: 2}\n", "line 2: the key 'x' is there twice"),
        (b"a: [1\n", "cannot be read: line 2: "),
        (b"a: *b\n", "line 1: found undefined alias 'b'"),
    ],
)
def test_yaml_that_is_none_is_refused_with_the_line(tmp_path, content, message):
    with pytest.raises(ConfigError, match=message):
        text.from_yaml(written(tmp_path, content))


def test_yaml_is_read_with_a_mark_and_with_merged_keys(tmp_path):
    content = "x: &x {a: 1, b: 2}\ny: {<<: *x, b: 3}\nz: {1: a, '1': b}\n"
    found = {"x": {"a": 1, "b": 2}, "y": {"a": 1, "b": 3}, "z": {1: "a", "1": "b"}}
    assert text.from_yaml(written(tmp_path, content)) == found
    assert text.from_yaml(written(tmp_path, content.encode("utf-8-sig"))) == found
    assert text.from_yaml(written(tmp_path, content.encode("utf-16"))) == found
