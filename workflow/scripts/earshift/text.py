"""How text is read: the one place for encodings, separators, and numbers of lines.

UTF-8 with or without a byte-order mark, and UTF-16 with one. What is anything else is
refused with the line: a wrong guess would change names in silence.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
import logging
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from earshift import names
from earshift.errors import ConfigError, DataError

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger(__name__)

#: Between the cells of a table -> what it is called.
SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab"}

_SAVE = "Save it as UTF-8 (in a spreadsheet: 'CSV UTF-8')."

#: First bytes of files that are no text, and what these are.
_NO_TEXT = {
    b"PK\x03\x04": "a spreadsheet or another archive, not a text. Save the table as "
    "'CSV UTF-8'.",
    b"\x1f\x8b": "compressed with gzip, not a text. Unpack it with gunzip first.",
    codecs.BOM_UTF32_LE: f"UTF-32, not UTF-8 or UTF-16. {_SAVE}",
    codecs.BOM_UTF32_BE: f"UTF-32, not UTF-8 or UTF-16. {_SAVE}",
}


def read(file: Path) -> str:
    """Return the text of a file, its ends of lines as they are.

    Parameters
    ----------
    file : Path
        UTF-8, with a byte-order mark or none, or UTF-16 with one.

    Returns
    -------
    str
        Without the mark.

    Raises
    ------
    DataError
        If the file cannot be read or is no such text; the message names the line.
    """
    try:
        raw = file.read_bytes()
    except OSError as error:
        raise DataError(f"'{file}' cannot be read: {error.strerror}.") from error
    for start, what in _NO_TEXT.items():
        if raw.startswith(start):
            raise DataError(f"'{file}' is {what}")
    wide = raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    if not wide and b"\0" in raw:
        line = _line(raw[: raw.index(b"\0")].decode("latin-1"))
        raise DataError(
            f"'{file}', line {line}: a null character; the file is no text, or UTF-16 "
            f"without a byte-order mark. {_SAVE}"
        )
    try:
        text = raw.decode("utf-16" if wide else "utf-8").lstrip("\ufeff")
    except UnicodeDecodeError as error:
        raise DataError(_wrong_encoding(file, raw, error)) from error
    if text.rstrip().endswith("\x1a"):
        raise DataError(
            f"'{file}', line {_line(text.rstrip())}: a Ctrl-Z character (0x1a), with "
            f"which some old programs end a file, is at the end. {_SAVE}"
        )
    return text


def _wrong_encoding(file: Path, raw: bytes, error: UnicodeDecodeError) -> str:
    if error.encoding != "utf-8":
        return f"'{file}' starts as UTF-16, and is not ({error.reason}). {_SAVE}"
    line = _line(raw[: error.start].decode("utf-8"))
    before, after = raw[: error.start], raw[error.start :]
    shown = re.split(b"[\r\n]", before)[-1][-20:] + re.split(b"[\r\n]", after)[0][:10]
    return (
        f"'{file}', line {line}: the byte 0x{raw[error.start]:02x} is not UTF-8; in "
        f"Latin-1 it would read '{shown.decode('latin-1')}'. {_SAVE}"
    )


def _line(before: str) -> int:
    """Return the number of the line that comes after some text."""
    return len((before.replace("\r\n", "\n").replace("\r", "\n") + ".").split("\n"))


def lines(file: Path) -> list[tuple[int, str]]:
    """Return the lines of a text file that hold something.

    Parameters
    ----------
    file : Path
        As for `read`.

    Returns
    -------
    list of (int, str)
        Number of the line, from 1, and its text without white space and invisible
        characters at either end.

    Raises
    ------
    DataError
        As `read`.
    """
    stream = io.StringIO(read(file), newline=None)
    numbered = ((number, names.trim(line)) for number, line in enumerate(stream, 1))
    return [(number, line) for number, line in numbered if line]


def whole(cell: str) -> str:
    """Return a whole number without a spreadsheet's ``.0``; other text as it is."""
    return re.sub(r"^([0-9]+)\.0+$", r"\1", cell)


def table(file: Path, needed: Sequence[str]) -> pd.DataFrame:
    """Read a table of cells with commas, semicolons or tabs between them.

    Parameters
    ----------
    file : Path
        As for `read`; the first row that is not blank names the columns.
    needed : sequence of str
        Columns that decide between separators: the one with which the header names most
        of them is taken, the comma if none does better.

    Returns
    -------
    DataFrame
        All columns as str, nothing NaN. The names of columns are as `names.clean`
        returns them; one without a name is called ``(column 2)`` by its place, or left
        out if it is empty. Cells are trimmed. The index is the number of each row's
        line in the file. Blank rows are left out.

    Raises
    ------
    DataError
        If it is no such table, its header is not separated, or two columns have one
        name; the message names the row or the columns.
    """
    text = read(file)
    separator, has_sep_line = _separator(text, needed)
    if separator != ",":
        log.info("%s: read with a %s between cells", file, SEPARATORS[separator])
    records = _records(file, text, separator)
    if has_sep_line:
        next(records)
    header = [names.clean(cell) for cell in next(records, (0, []))[1]]
    if not header:
        raise DataError(
            f"'{file}' is no CSV table: it is empty. A header with the columns "
            f"{', '.join(needed)} is needed, and a row per clip."
        )
    if len(header) == 1 < len(needed) and header[0] not in needed:
        raise DataError(
            f"'{file}': the header is one cell, '{header[0][:80]}'. Put a comma, a "
            "semicolon or a tab between the names of the columns and between the cells "
            "of each row, and no quotes around a whole row."
        )
    numbers, rows = [], []
    for number, cells in records:
        if len(cells) != len(header):
            raise DataError(
                f"'{file}', row {number}: {len(cells)} cells where the header has "
                f"{len(header)}. Put cells that hold a {SEPARATORS[separator]} in "
                "double quotes."
            )
        numbers.append(number)
        rows.append(cells)
    import pandas as pd  # here, since who reads YAML alone need not wait for it

    frame = pd.DataFrame(rows, index=numbers, columns=range(len(header)), dtype=str)
    return _named(file, frame, header)


def _separator(text: str, needed: Sequence[str]) -> tuple[str, bool]:
    """Return what is between cells, and whether the first line says so, as Excel's."""
    stream = io.StringIO(text, newline=None)
    first = next((line.strip("\n") for line in stream if line.strip()), "")
    if match := re.fullmatch('"?sep=([,;\t])"?', first, re.IGNORECASE):
        return match[1], True
    scores = {}
    for separator in SEPARATORS:
        row = csv.reader([first], delimiter=separator, skipinitialspace=True)
        cells = next(row, [])
        present = {names.clean(cell) for cell in cells}.intersection(needed)
        scores[separator] = (len(present), len(cells) > 1)
    return max(scores, key=lambda separator: scores[separator]), False


def _records(file: Path, text: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the line on which each row starts, and its cells; no blank ones."""
    reader = csv.reader(
        io.StringIO(text, newline=""),
        delimiter=separator,
        skipinitialspace=True,  # a quote after a blank opens a cell too
        strict=True,
    )
    while True:
        number = reader.line_num + 1
        try:
            cells = [names.trim(cell) for cell in next(reader)]
        except StopIteration:
            return
        except csv.Error as error:
            if "field limit" in str(error):
                raise DataError(
                    f"'{file}', row {number}: a cell of more than "
                    f"{csv.field_size_limit():,} characters. Is a double quote not "
                    "closed?"
                ) from error
            raise DataError(
                f"'{file}', row {number}: a double quote is opened there and not "
                f"closed before the next {SEPARATORS[separator]} or end of a row "
                f"({error}). Close it; a quote inside a quoted cell is written twice."
            ) from error
        if any(cells):
            yield number, cells


def _named(file: Path, cells: pd.DataFrame, header: Sequence[str]) -> pd.DataFrame:
    """Return a table with the names of its columns; each needs one of its own."""
    for place, name in enumerate(header):
        if name and name in header[:place]:
            raise DataError(
                f"'{file}': columns {header.index(name) + 1} and {place + 1} are both "
                f"named '{name}'. Rename one or take it out."
            )
    kept = [i for i, name in enumerate(header) if name or cells[i].ne("").any()]
    labels = [header[i] or f"(column {i + 1})" for i in kept]
    return cells[kept].set_axis(labels, axis="columns")


def from_json(file: Path) -> object:
    """Return what a JSON file holds.

    Parameters
    ----------
    file : Path
        As for `read`.

    Returns
    -------
    object
        Of Python's own types.

    Raises
    ------
    DataError
        If it is no JSON; the message names the line.
    """
    try:
        return json.loads(read(file))
    except json.JSONDecodeError as error:
        raise DataError(
            f"'{file}', line {error.lineno}: no JSON: {error.msg}."
        ) from error


class _Loader(yaml.SafeLoader):
    """Refuse a key that a mapping has twice: YAML would keep the last in silence."""

    def construct_mapping(
        self, node: yaml.MappingNode, deep: bool = False
    ) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag.endswith(":merge"):
                continue
            if (key.tag, key.value) in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key '{key.value}' is there twice", key.start_mark
                )
            seen.add((key.tag, key.value))
        return super().construct_mapping(node, deep)


def from_yaml(file: Path) -> object:
    """Return what a YAML file holds.

    Parameters
    ----------
    file : Path
        As for `read`.

    Returns
    -------
    object
        Of Python's own types.

    Raises
    ------
    ConfigError
        If it cannot be read, is no YAML, or has a key twice; the message names the
        line.
    """
    try:
        content = read(file)
        return yaml.load(content, _Loader)
    except DataError as error:
        raise ConfigError(str(error)) from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}: " if mark else ""
        hint = " Indent with spaces, not with tabs." if "'\\t'" in str(error) else ""
        raise ConfigError(
            f"'{file}' cannot be read: {where}{error.problem}.{hint}"
        ) from error
    except yaml.reader.ReaderError as error:
        line = _line(content[: error.position])
        raise ConfigError(
            f"'{file}' cannot be read: line {line}: {error.reason}."
        ) from error
