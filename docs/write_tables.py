"""Write docs/tables.md from what the library declares of its CSV files.

``python docs/write_tables.py``, after a change of any of them; a test holds the two
together.
"""

from collections.abc import Iterator
from pathlib import Path

from earshift import registry, tables
from earshift.tables import Column, Table

#: What the type of a column is called on the page.
TYPES = {
    "text": "text",
    "number": "number",
    "count": "whole number",
    "flag": "`True` or `False`",
}

HEAD = """# The tables

Every CSV file in the folder of the results, and what its columns mean. Each is checked
against this when it is written. A cell is empty only where the last column says so.
Names are text, whatever they look like: if a class or dataset of yours may be called
`NA` or `01`, read a table with
`pandas.read_csv(file, dtype=str, keep_default_na=False)`. What the statistics mean is
in [report.md](report.md).

<!-- Written by `python docs/write_tables.py` from what the library declares in
workflow/scripts/earshift/tables/, and studies in theirs: change it there. -->
"""


def page() -> str:
    """Return the page."""
    sections = dict(tables.ALL)
    for name in registry.names("studies"):
        sections[f"The study `{name}`"] = registry.load("studies", name).make().tables()
    parts = [HEAD]
    for title, some in sections.items():
        parts += [f"## {title}\n", *map(described, some)] if some else []
    return "\n".join(parts)


def described(table: Table) -> str:
    """Return the part of the page on one table."""
    lines = [f"### `{table.file}`", "", f"A row for: {_small(table.rows)}", ""]
    lines += ["| column | holds | unit | meaning |", "|---|---|---|---|"]
    lines += [
        f"| `{c.name}` | {TYPES[c.type]} | {c.unit} | {' '.join(_meaning(c))} |"
        for c in table.columns
    ]
    return "\n".join([*lines, ""])


def _meaning(column: Column) -> Iterator[str]:
    """Yield the sentences on a column."""
    yield column.meaning
    if column.empty:
        yield f"Empty {column.empty}."
    if column.only:
        yield f"Only {column.only}."


def _small(text: str) -> str:
    """Return a text with a small first letter."""
    return text[:1].lower() + text[1:]


def main() -> None:
    """Write the page."""
    Path(__file__).with_name("tables.md").write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
