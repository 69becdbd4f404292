"""Tables as LaTeX, for a paper that loads the package booktabs.

That of pandas draws no lines between groups of rows.
"""

from __future__ import annotations

from collections.abc import Sequence

#: What LaTeX would not print as it stands.
SPECIAL = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "&": r"\&",
        "%": r"\%",
        "$": r"\$",
        "#": r"\#",
        "_": r"\_",
        "{": r"\{",
        "}": r"\}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "\N{MINUS SIGN}": "$-$",
        "\N{EN DASH}": "--",
        "\N{RIGHTWARDS ARROW}": r"$\rightarrow$",
    }
)


def escape(text: str) -> str:
    """Return `text` as LaTeX prints it."""
    return text.translate(SPECIAL)


def tabular(
    head: Sequence[str],
    groups: Sequence[Sequence[Sequence[str]]],
    columns: str,
    *,
    note: str = "",
) -> str:
    """Return a table.

    Parameters
    ----------
    head : sequence of str
        Names of the columns.
    groups : sequence of sequence of row
        Rows of text, plain; a line is drawn between groups.
    columns : str
        Kinds of the columns, such as ``llrr``.
    note : str
        Comment for whoever opens the file.

    Returns
    -------
    str
        A ``tabular`` environment, every text escaped.
    """
    lines = [f"% {line}" for line in note.splitlines()]
    lines += [rf"\begin{{tabular}}{{{columns}}}", r"\toprule", _row(head)]
    for rows in groups:
        lines += [r"\midrule", *map(_row, rows)]
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", ""])


def _row(cells: Sequence[str]) -> str:
    return " & ".join(map(escape, cells)) + r" \\"
