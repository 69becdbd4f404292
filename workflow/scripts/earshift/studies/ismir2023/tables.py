"""Stage 8, report: tables of the ISMIR 2023 study, beside what was published.

All values of ROC-AUC are in points (times 100), as the paper has them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from earshift import files, layout
from earshift.debias import Method
from earshift.evaluation.samples import ALL
from earshift.numerics import inference
from earshift.stages.report import latex, words
from earshift.studies.ismir2023 import columns, faults, published
from earshift.studies.ismir2023 import layout as study_layout
from earshift.studies.ismir2023.numerics import METHODS
from earshift.studies.ismir2023.published import PUBLISHED, Methods, by_plugin
from earshift.tables import DEVIATIONS, SCORES

#: What identifies a cell of the study, whatever the protocol.
CELL = ("model", "condition", "method", "scope", "train", "test")


def with_published(scores: pd.DataFrame, reference: pd.DataFrame) -> pd.DataFrame:
    """Add the published scores of the cells and classes that `scores` has.

    Parameters
    ----------
    scores : DataFrame
        Columns protocol, those of `CELL`, class, repeat, roc_auc.
    reference : DataFrame
        As `earshift.studies.ismir2023.published.results` returns them.

    Returns
    -------
    DataFrame
        Rows of `scores`, then published ones with the protocol ``"published"``.
    """
    keys = [*(c for c in CELL if c != "condition"), "class"]
    wanted = scores.loc[scores["condition"].eq("clean"), keys].drop_duplicates()
    rows = reference.merge(wanted, on=keys).assign(condition="clean", repeat=0)
    return pd.concat([scores, rows], ignore_index=True)


def class_means(scores: pd.DataFrame, *more: str) -> pd.DataFrame:
    """Return the ROC-AUC of each class, means over repeats, in points.

    Parameters
    ----------
    scores : DataFrame
        As in `with_published`.
    *more : str
        Further columns to tell rows apart by.

    Returns
    -------
    DataFrame
        Columns protocol, those of `CELL`, class, those of `more`, roc_auc.
    """
    keys = ["protocol", *CELL, "class", *more]
    mean = scores.groupby(keys, sort=False)["roc_auc"].mean()
    return mean.mul(100).reset_index()


def class_table(scores: pd.DataFrame) -> pd.DataFrame:
    """Put the protocols side by side for each class.

    Parameters
    ----------
    scores : DataFrame
        As `with_published` returns them.

    Returns
    -------
    DataFrame
        A row per cell and class; columns ``roc_auc_<protocol>`` in points, and
        ``difference_<protocol>`` from the published value where there is one.
    """
    return _side_by_side(class_means(scores), [*CELL, "class"], ["roc_auc"])


def main_table(scores: pd.DataFrame) -> pd.DataFrame:
    """Return the paper's main table, the protocols side by side.

    Parameters
    ----------
    scores : DataFrame
        As `with_published` returns them.

    Returns
    -------
    DataFrame
        A row per cell; columns ``roc_auc_<protocol>`` (mean over classes and repeats,
        in points), ``change_<protocol>`` against the method ``none``, and
        ``difference_<protocol>`` from the published mean where there is one.
    """
    means = class_means(scores).groupby(["protocol", *CELL], sort=False)["roc_auc"]
    table = means.mean().reset_index()
    keys = [c for c in ("protocol", *CELL) if c != "method"]
    plain = table[table["method"].eq("none")].set_index(keys)["roc_auc"]
    table = table.join(plain.rename("plain"), on=keys)
    table["change"] = table["roc_auc"] - table["plain"]
    return _side_by_side(table, list(CELL), ["roc_auc", "change"])


def _side_by_side(
    table: pd.DataFrame, keys: Sequence[str], values: Sequence[str]
) -> pd.DataFrame:
    order = table[list(keys)].drop_duplicates()
    wide = table.pivot(index=list(keys), columns="protocol", values=list(values))
    protocols = [str(p) for p in table["protocol"].unique()]
    sides = {f"{v}_{p}": wide[v, p] for v in values for p in protocols}
    if PUBLISHED in protocols:
        reference = wide["roc_auc", PUBLISHED]
        sides |= {
            f"difference_{p}": wide["roc_auc", p] - reference
            for p in protocols
            if p != PUBLISHED
        }
    out = pd.DataFrame(sides)
    return order.merge(out, left_on=list(keys), right_index=True)


def paired_tests(scores: pd.DataFrame, reference: str = "none") -> pd.DataFrame:
    """Test each change across datasets by a paired t-test over the classes.

    Parameters
    ----------
    scores : DataFrame
        As in `with_published`.
    reference : str, default="none"
        Method that the others are compared with; any but ``none`` with those alone
        that declare it (`debias.Method.compared_with`).

    Returns
    -------
    DataFrame
        Columns protocol, those of `CELL`, reference, n_classes, change (mean, in
        points), lowest and highest (change of a single class) with `lowest_class` and
        `highest_class`, t, p_value, and p_holm: corrected for all comparisons of the
        protocol, condition and scope.
    """
    rows = []
    cells = class_changes(scores, reference).groupby(["protocol", *CELL], sort=False)
    for cell, part in cells:
        changes = part.set_index("class")["change"]
        t, p = inference.paired_t(changes.to_numpy(float))
        rows.append(
            dict(zip(("protocol", *CELL), cell, strict=True))
            | {"reference": reference, "n_classes": len(changes)}
            | {"change": changes.mean()}
            | {"lowest": changes.min(), "lowest_class": changes.idxmin()}
            | {"highest": changes.max(), "highest_class": changes.idxmax()}
            | {"t": t, "p_value": p}
        )
    table = pd.DataFrame(rows, columns=columns.TESTS.names)
    families = ("protocol", "condition", "scope")
    table["p_holm"] = inference.holm_within(table, families)
    return table


def class_changes(scores: pd.DataFrame, reference: str = "none") -> pd.DataFrame:
    """Return the change of each class across datasets by each method.

    Parameters
    ----------
    scores, reference
        As in `paired_tests`.

    Returns
    -------
    DataFrame
        Columns protocol, those of `CELL`, class, and change, in points.
    """
    means = class_means(scores)
    means = means[means["train"].ne(means["test"])]
    keys = [c for c in ("protocol", *CELL, "class") if c != "method"]
    plain = means[means["method"].eq(reference)].set_index(keys)["roc_auc"]
    means = means.join(plain.rename("plain"), on=keys).dropna(subset=["plain"])
    means["change"] = means["roc_auc"] - means["plain"]
    compared = [_is_compared(method, reference) for method in means["method"]]
    return means.loc[compared, ["protocol", *CELL, "class", "change"]]


def deviation_table(changes: pd.DataFrame) -> pd.DataFrame:
    """Return what correcting each fault alone does to the main table.

    Parameters
    ----------
    changes : DataFrame
        Columns fault, model, method, scope, train, test, n_classes, roc_auc (mean over
        these classes) and change (against the protocol ``paper``), as shares.

    Returns
    -------
    DataFrame
        A row per fault, in the order given: n_cells, n_classes (fewest of a cell),
        within and across (mean changes in points), largest (the largest change of a
        cell, with its sign), largest_cell (where it is).
    """
    rows = []
    for fault, part in changes.groupby("fault", sort=False):
        change = 100 * part["change"]
        within = part["train"].eq(part["test"])
        top = part.loc[change.abs().idxmax()]
        rows.append(
            {"fault": str(fault), "n_cells": len(part)}
            | {"n_classes": part["n_classes"].min()}
            | {"within": change[within].mean(), "across": change[~within].mean()}
            | {"largest": 100 * top["change"], "largest_cell": cell_name(top)}
        )
    return pd.DataFrame(rows, columns=columns.FAULTS.names)


def fewer_classes(effects: pd.DataFrame) -> list[str]:
    """Return a note for each row of `deviation_table`, empty where classes are all."""
    n_all = effects["n_classes"].max()
    return [
        f"{n} of {n_all} classes" if n < n_all else "" for n in effects["n_classes"]
    ]


def settings(table: pd.DataFrame) -> pd.Series[str]:
    """Return the model of each row, with the condition where there are several."""
    if table["condition"].nunique() < 2:
        return table["model"]
    return table["model"] + " (" + table["condition"] + ")"


def cell_name(row: Mapping[str, Any] | pd.Series[Any]) -> str:
    """Return a cell in words: ``"vggish, mlda global, irmas to openmic"``."""
    method = row["method"]
    if method != "none":
        method = f"{method} {row['scope']}"
    return f"{row['model']}, {method}, {row['train']} to {row['test']}"


def _is_compared(method: str, reference: str) -> bool:
    """Return True if a method of the study is compared with another."""
    if method in METHODS and method != "none":
        return reference in Method.of(method, {"plugin": method}).compared_with
    return method != "none" and reference == "none"


def write_tables(results: Path, methods: Methods, out: Path) -> None:
    """Write the study's tables as CSV, and those of the paper as LaTeX.

    Parameters
    ----------
    results : Path
        Folder of the results, with ``tables/scores.csv`` and, if it was asked for,
        ``tables/deviations.csv``.
    methods : mapping
        Config entries of the methods.
    out : Path
        Folder to write ``main.csv``, ``main.tex``, ``classes.csv``, ``tests.csv`` and,
        from the deviations, ``deviations.csv`` and ``deviations.tex`` to.
    """
    scores = with_published(read_scores(results, methods), published.results())
    main = main_table(scores)
    tests = pd.concat([paired_tests(scores, m) for m in ("none", "k")])
    columns.MAIN.write(main, out / "main.csv")
    columns.CLASSES.write(class_table(scores), out / "classes.csv")
    columns.TESTS.write(tests, out / "tests.csv")
    _write(out / "main.tex", main_latex(main))
    if layout.path(results, study_layout.DEVIATIONS).is_file():
        effects = deviation_table(read_deviations(results, methods))
        columns.FAULTS.write(effects, out / "deviations.csv")
        _write(out / "deviations.tex", deviation_latex(effects))


def _write(path: Path, text: str) -> None:
    with files.whole_file(path) as file:
        file.write_text(text, encoding="utf-8")


def read_scores(
    results: Path, methods: Methods, samples: Sequence[str] = (ALL,)
) -> pd.DataFrame:
    """Return the scores of some samples of clips, without those of controls."""
    scores = SCORES.read(layout.path(results, layout.SCORE_TABLE))
    every = Method.of_all(methods).values()
    controls = [method.name for method in every if method.is_control]
    own = scores["sample"].isin(samples) & ~scores["method"].isin(controls)
    return by_plugin(scores[own], methods)


def read_deviations(results: Path, methods: Methods) -> pd.DataFrame:
    """Return what each fault does; empty where that was not asked for."""
    file = layout.path(results, study_layout.DEVIATIONS)
    if file.is_file():
        return by_plugin(DEVIATIONS.read(file), methods)
    return pd.DataFrame(columns=DEVIATIONS.names)


def protocols_of(table: pd.DataFrame) -> list[str]:
    """Return the protocols of a table whose columns name them, published ones last."""
    prefix = "roc_auc_"
    protocols = [c.removeprefix(prefix) for c in table.columns if c.startswith(prefix)]
    return sorted(protocols, key=lambda name: name == PUBLISHED)


def main_latex(main: pd.DataFrame) -> str:
    """Return the main table as LaTeX: a line per method and protocol.

    Parameters
    ----------
    main : DataFrame
        As `main_table` returns it.

    Returns
    -------
    str
        Values in points, changes against ``none`` in brackets. Where numbers were
        published, they follow, and their difference from the first protocol.
    """
    pairs = list(dict.fromkeys(zip(main["train"], main["test"], strict=True)))
    pairs.sort(key=lambda pair: pair[0] != pair[1])
    first = str(main["scope"].iloc[0])
    main = main[main["method"].ne("none") | main["scope"].eq(first)]
    groups = []
    for name, part in main.groupby(settings(main), sort=False):
        lines: list[list[str]] = []
        for (method, scope), rows in part.groupby(["method", "scope"], sort=False):
            cells = rows.set_index(["train", "test"])
            label = [str(method), "" if method == "none" else str(scope)]
            cells = cells.reindex(pd.MultiIndex.from_tuples(pairs))
            for i, (line, values) in enumerate(_lines(cells, method != "none")):
                start = label if i == 0 else ["", ""]
                lines.append(["" if lines else str(name), *start, line, *values])
        groups.append(lines)
    head = ["Model", "Method", "Scope", "Protocol"]
    head += [f"{a} \N{RIGHTWARDS ARROW} {b}" for a, b in pairs]
    note = "Mean ROC-AUC times 100; in brackets the change against no correction."
    return latex.tabular(head, groups, "llll" + "r" * len(pairs), note=note)


def _lines(cells: pd.DataFrame, with_changes: bool) -> Iterator[tuple[str, list[str]]]:
    """Yield a line of values per protocol that has any, then the difference."""
    protocols = protocols_of(cells)
    for name in protocols:
        values = cells[f"roc_auc_{name}"]
        if values.notna().any():
            changes = cells[f"change_{name}"]
            yield (
                name,
                [
                    words.number(x)
                    + (f" ({words.signed(d, 2)})" if with_changes else "")
                    for x, d in zip(values, changes, strict=True)
                ],
            )
    difference = cells.get(f"difference_{protocols[0]}")
    if difference is not None and difference.notna().any():
        values = [words.signed(x, 2) for x in difference]
        yield f"{protocols[0]} \N{MINUS SIGN} {PUBLISHED}", values


def deviation_latex(table: pd.DataFrame) -> str:
    """Return the table of deviations as LaTeX.

    Parameters
    ----------
    table : DataFrame
        As `deviation_table` returns it.

    Returns
    -------
    str
        A line per fault: what was done, what ``fixed`` does, effect in points.
    """
    rows = []
    notes = fewer_classes(table)
    for row, note in zip(table.to_dict("records"), notes, strict=True):
        text = faults.describe(row["fault"])
        title = f"{text.title} ({note})" if note else text.title
        effect = [words.signed(row[k], 2) for k in ("within", "across", "largest")]
        rows.append([title, text.published, text.fixed, *effect])
    head = ["Fault", "Published code", "Protocol fixed", "Within", "Across", "Largest"]
    note = (
        "Change of mean ROC-AUC times 100 where the fault alone is corrected: mean\n"
        "within datasets, mean across datasets, and the largest of a cell.\n"
        + faults.OTHER_CLIPS
    )
    kinds = "p{0.14\\linewidth}p{0.27\\linewidth}p{0.27\\linewidth}rrr"
    return latex.tabular(head, [rows], kinds, note=note)
