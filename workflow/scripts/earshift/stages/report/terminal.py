"""The main table as plain text, for the end of a run."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from pathlib import Path
from string import ascii_uppercase
from typing import Any

from earshift.numerics import inference
from earshift.stages.report import final_tables, words
from earshift.stages.report.final_tables import Tables
from earshift.stages.report.sections import left_out

WIDTH = 100
CELL = len("0.00 [0.00, 0.00]")
LABEL = 22

#: Gaps that fit into a line.
MANY_GAPS = 2

#: Verdict -> what fits into a cell.
SHORT = {
    inference.WORTH_IT: "worth it",
    inference.HARMFUL: "harmful",
    inference.UNSURE_GAIN: "gain",
    inference.UNSURE_LOSS: "loss",
    inference.EQUIVALENT: "equivalent",
    inference.NO_EFFECT: "undetected",
}

KEY = """\
Mean ROC-AUC over classes [interval]; A -> B: trained on A, tested on B. Change: against
the method 'none' on the same clips; gain, loss: of unsure worth; equivalent: too small
to matter; undetected: no effect is detected, which does not mean that there is none.
Gap: what is lost against training on as many clips of the test dataset itself, without
correction."""

KEY_OF_CONTROLS = "Controls correct nothing: they mark the ends of the scale."


def main_table(results: Path) -> str:
    """Return the main table of a finished experiment.

    Parameters
    ----------
    results : Path
        Folder of the results.

    Returns
    -------
    str
        Lines of at most `WIDTH` characters; the last says where the report is.
    """
    found = final_tables.read(results / "tables")
    letters = _letters(found.datasets)
    names = [f"{letter} = {name}" for name, letter in letters.items()]
    lines = ["", *_wrapped(names), KEY]
    if found.controls:
        lines += [KEY_OF_CONTROLS]
    if found.note:
        lines += [f"{found.note} The report has the others."]
    draw = _matrix if len(found.datasets) == 2 else _rows
    for setting in found.settings:
        lines += ["", setting]
        lines += draw(found, setting, letters)
        lines += _gaps(found, setting, letters)
    lines += left_out.in_terminal(
        results, found.datasets, final_tables.ordered(found.summary["model"])
    )
    lines += ["", f"Report: {results / 'report.html'}", ""]
    return _ascii("\n".join(lines))


def _letters(datasets: Sequence[str]) -> dict[str, str]:
    if len(datasets) > len(ascii_uppercase):
        return {name: f"D{i}" for i, name in enumerate(datasets, 1)}
    return dict(zip(datasets, ascii_uppercase, strict=False))


def _wrapped(words_: Sequence[str]) -> Iterator[str]:
    line = ""
    for word in words_:
        if line and len(line) + 3 + len(word) > WIDTH:
            yield line
            line = ""
        line = f"{line}   {word}" if line else word
    yield line


def _ascii(text: str) -> str:
    return text.replace(words.MINUS, "-").replace(words.UNKNOWN, "-")


def _matrix(found: Tables, setting: str, letters: dict[str, str]) -> Iterator[str]:
    """Yield two lines per method: the four cells, then what changed across."""
    heads = [f"{letters[a]} -> {letters[b]}" for a, b in found.cells]
    yield _line("  method", heads)
    for variant in [*found.variants, *found.controls]:
        rows = _cells(found, setting, variant)
        first, second = f"  {variant}", f"    {found.access[variant]}"
        if len(first) > LABEL:
            yield first
            first, second = second, ""
        yield _line(first, [_value(rows, cell) for cell in found.cells])
        if variant != "none":
            yield _line(
                second,
                [_change(rows, cell) for cell in found.cells],
            )


def _rows(found: Tables, setting: str, letters: dict[str, str]) -> Iterator[str]:
    """Yield a line per method and cell."""
    for variant in [*found.variants, *found.controls]:
        rows = _cells(found, setting, variant)
        yield f"  {variant}   (access: {found.access[variant]})"
        for a, b in found.cells:
            name = f"    {letters[a]} -> {letters[b]}"
            change = "" if variant == "none" else _change(rows, (a, b))
            yield f"{name:<{LABEL}}  {_value(rows, (a, b)):<{CELL}}  {change}".rstrip()


def _gaps(found: Tables, setting: str, letters: dict[str, str]) -> list[str]:
    """Return one line with the gaps of balanced accuracy: of many, both ends."""
    rows = found.metric_gaps
    rows = rows[rows["setting"].eq(setting) & rows["variant"].eq("none")]
    rows = rows[rows["metric"].eq("balanced_accuracy")].dropna(subset=["gap"])
    if rows.empty:
        return []
    places = {pair: i for i, pair in enumerate(found.directions)}
    cells = zip(rows["train"], rows["test"], strict=True)
    rows = rows.assign(place=[places[cell] for cell in cells]).sort_values("place")
    if len(rows) > MANY_GAPS:
        rows = rows.sort_values("gap", kind="stable").iloc[[0, -1]]
        between = " to "
    else:
        between = ", "
    said = [
        f"{letters[row.train]} -> {letters[row.test]} {words.number(row.gap)} "
        f"{words.interval(row.gap_low, row.gap_high)}"
        for row in rows.itertuples()
    ]
    return [f"  gap of balanced accuracy: {between.join(said)}"]


def _line(label: str, cells: Sequence[str]) -> str:
    return "  ".join([f"{label:<{LABEL}}", *(f"{c:<{CELL}}" for c in cells)]).rstrip()


#: Training and test dataset -> the row of the summary.
Cells = dict[tuple[str, str], dict[Hashable, Any]]


def _cells(found: Tables, setting: str, variant: str) -> Cells:
    own = found.all_summary
    own = own[own["setting"].eq(setting) & own["variant"].eq(variant)]
    return {(row["train"], row["test"]): row for row in own.to_dict("records")}


def _value(rows: Cells, cell: tuple[str, str]) -> str:
    # A method may be unable to serve a direction.
    if cell not in rows:
        return words.UNKNOWN
    row = rows[cell]
    span = words.interval(row["roc_auc_low"], row["roc_auc_high"])
    return f"{words.number(row['roc_auc'])} {span}"


def _change(rows: Cells, cell: tuple[str, str]) -> str:
    if cell[0] == cell[1] or cell not in rows:
        return ""
    row = rows[cell]
    said = "control" if row["is_control"] else SHORT[row["verdict"]]
    return f"{words.signed(row['change'])} {said}"
