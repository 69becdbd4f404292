"""Stage 8, report: tables of the ISMIR 2023 study, beside what was published.

All values of ROC-AUC are in points (times 100), as the paper has them.
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from earshift import statistics
from earshift.published import PUBLISHED
from earshift.summary import references

#: What identifies a cell of the study, whatever the protocol.
CELL = ("model", "condition", "method", "scope", "train", "test")


def with_published(scores: pd.DataFrame, published: pd.DataFrame) -> pd.DataFrame:
    """Add the published scores of the cells and classes that `scores` has.

    Parameters
    ----------
    scores : DataFrame
        Columns protocol, those of `CELL`, class, repeat, roc_auc.
    published : DataFrame
        As `earshift.published.results` returns them.

    Returns
    -------
    DataFrame
        Rows of `scores`, then published ones with the protocol ``"published"``.
    """
    keys = [*(c for c in CELL if c != "condition"), "class"]
    wanted = scores.loc[scores["condition"].eq("clean"), keys].drop_duplicates()
    found = published.merge(wanted, on=keys).assign(condition="clean", repeat=0)
    return pd.concat([scores, found], ignore_index=True)


def class_means(scores: pd.DataFrame) -> pd.DataFrame:
    """Return the ROC-AUC of each class, means over repeats, in points.

    Parameters
    ----------
    scores : DataFrame
        As in `with_published`.

    Returns
    -------
    DataFrame
        Columns protocol, those of `CELL`, class, roc_auc.
    """
    keys = ["protocol", *CELL, "class"]
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
    columns = {f"{v}_{p}": wide[v, p] for v in values for p in protocols}
    if PUBLISHED in protocols:
        reference = wide["roc_auc", PUBLISHED]
        columns |= {
            f"difference_{p}": wide["roc_auc", p] - reference
            for p in protocols
            if p != PUBLISHED
        }
    out = pd.DataFrame(columns)
    return order.merge(out, left_on=list(keys), right_index=True)


def paired_tests(scores: pd.DataFrame, reference: str = "none") -> pd.DataFrame:
    """Test each change across datasets by a paired t-test over the classes.

    Parameters
    ----------
    scores : DataFrame
        As in `with_published`.
    reference : str, default="none"
        Method that the others are compared with; ``k`` compares those of
        `earshift.summary.references` alone.

    Returns
    -------
    DataFrame
        Columns protocol, those of `CELL`, reference, n_classes, change (mean, in
        points), lowest and highest (change of a single class) with `lowest_class` and
        `highest_class`, t, p_value, and p_holm: corrected for all comparisons of the
        protocol, condition and scope.
    """
    means = class_means(scores)
    means = means[means["train"].ne(means["test"])]
    keys = [c for c in ("protocol", *CELL, "class") if c != "method"]
    plain = means[means["method"].eq(reference)].set_index(keys)["roc_auc"]
    means = means.join(plain.rename("plain"), on=keys).dropna(subset=["plain"])
    means["change"] = means["roc_auc"] - means["plain"]
    compared = means["method"].map(lambda m: reference in references(m))
    rows = []
    cells = means[compared].groupby(["protocol", *CELL], sort=False)
    for cell, part in cells:
        changes = part.set_index("class")["change"]
        t, p = statistics.paired_t(changes.to_numpy(float))
        rows.append(
            dict(zip(("protocol", *CELL), cell, strict=True))
            | {"reference": reference, "n_classes": len(changes)}
            | {"change": changes.mean()}
            | {"lowest": changes.min(), "lowest_class": changes.idxmin()}
            | {"highest": changes.max(), "highest_class": changes.idxmax()}
            | {"t": t, "p_value": p}
        )
    columns = ["protocol", *CELL, "reference", "n_classes", "change", "lowest"]
    columns += ["lowest_class", "highest", "highest_class", "t", "p_value"]
    table = pd.DataFrame(rows, columns=columns)
    family = table.groupby(["protocol", "condition", "scope"])["p_value"]
    table["p_holm"] = family.transform(
        lambda p: pd.Series(statistics.holm(p.to_numpy(float)), index=p.index)
    )
    return table
