"""Stage 4, splits: which clips each protocol of an experiment sees."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from earshift import datasets
from earshift.errors import DataError
from earshift.evaluation.protocol import FIXED, Protocol
from earshift.files import whole_file
from earshift.tables import DEVIATIONS, FAULT_SCORES, SCORES, Table

log = logging.getLogger(__name__)

#: Folds in which the study chooses C.
PAPER_INNER_FOLDS = 3

#: What identifies a mean over classes, whatever the protocol.
_CELL = ["model", "condition", "method", "scope", "train", "test"]

#: In place of a fault: all are corrected.
ALL_CORRECTED = "all (protocol fixed)"


def main(protocols: Sequence[str]) -> str:
    """Return the protocol whose clips stand for the experiment: ``fixed``, if run."""
    return FIXED.name if FIXED.name in protocols else protocols[0]


def in_use(
    table: pd.DataFrame, protocols: Sequence[Protocol], subgroups: Sequence[str]
) -> pd.Series[bool]:
    """Say which clips at least one protocol uses.

    Parameters
    ----------
    table : DataFrame
        Clip table.
    protocols : sequence of Protocol
        Of the experiment.
    subgroups : sequence of str
        Subgroups to keep; if empty, all clips are kept.

    Returns
    -------
    Series of bool
        One value per row.
    """
    used = pd.Series(data=not subgroups, index=table.index)
    for protocol in protocols:
        used |= protocol.subgroup_of(table).isin(list(subgroups))
    return used


def select_clips(
    protocol: Protocol,
    labels: Mapping[str, tuple[Path, Path]],
    splits: Mapping[str, tuple[Path, Path]],
    *,
    grouped: Path,
    subgroups: Sequence[str],
) -> None:
    """Write the labels and splits of the clips that one protocol uses.

    Parameters
    ----------
    protocol : Protocol
        Which.
    labels : mapping of str to (Path, Path)
        Name of each dataset -> its table of labels, and the one to write: sorted by
        `clip_id`, with `subgroup` by the protocol's map, and with
        the name of its group as the `recording`: what is tested, drawn and resampled
        together from here on.
    splits : mapping of str to (Path, Path)
        The same of its splits: of the first repeat alone, and with the clips that do
        not train since their group is tested elsewhere, as the protocol says.
    grouped : Path
        The groups, as `splits.make_splits` writes them.
    subgroups : sequence of str
        Subgroups to keep; if empty, all clips are kept.

    Raises
    ------
    DataError
        If no clip is left of a dataset.
    """
    every = pd.read_parquet(grouped)
    for name, (source, out) in labels.items():
        rows = pd.read_parquet(source)
        rows = rows[in_use(rows, [protocol], subgroups)]
        if rows.empty:
            raise DataError(
                f"dataset '{name}' has no clip of the subgroups {', '.join(subgroups)} "
                f"for the protocol '{protocol.name}'. Change 'subgroups' in the config."
            )
        rows = rows.assign(subgroup=protocol.subgroup_of(rows)).sort_values("clip_id")
        rows = rows.drop(columns=datasets.other_subgroups(rows))
        own = every[every["dataset"].eq(name)].set_index("clip_id")["group"]
        rows["recording"] = rows["clip_id"].map(own)
        folds = pd.read_parquet(splits[name][0])
        folds = folds[folds["clip_id"].isin(rows["clip_id"])]
        if protocol.one_repeat:
            folds = folds[folds["repeat"].eq(0)]
        if not protocol.leaves_out:
            folds = folds[folds["tests"]]
        for table, path in ((rows, out), (folds, splits[name][1])):
            with whole_file(path) as file:
                table.to_parquet(file, index=False)
        log.info("%s: %s uses %d clips", name, protocol.name, len(rows))


def collect_deviations(
    tables: Sequence[Path], scores: Sequence[Path], out: Path
) -> None:
    """Write what correcting each fault alone changes, and what correcting all does.

    Parameters
    ----------
    tables : sequence of Path
        CSV files with the columns fault, model, condition, method, scope, train, test,
        class and roc_auc.
    scores : sequence of Path
        Score tables of all protocols. Without ``fixed`` there is no row of
        `ALL_CORRECTED`.
    out : Path
        CSV file to write: fault, model, condition, method, scope, train, test,
        n_classes, and means over these classes, `roc_auc` and its `change` against
        ``paper``. A class that a fault has no score of counts on neither side.
    """
    keys = [*_CELL, "class"]
    means = (
        _read(SCORES, scores).groupby(["protocol", *keys], sort=False)["roc_auc"].mean()
    )
    means = means.reset_index()
    fixed, paper = (means[means["protocol"] == p] for p in ("fixed", "paper"))
    alone = _read(FAULT_SCORES, tables)
    # Only cells of the paper, and once those that are the same in all scopes.
    fixed = fixed.merge(alone[_CELL].drop_duplicates(), on=_CELL)
    rows = pd.concat([alone, fixed.assign(fault=ALL_CORRECTED)])
    rows = rows[["fault", *keys, "roc_auc"]].merge(
        paper[[*keys, "roc_auc"]], on=keys, suffixes=("", "_paper")
    )
    rows["change"] = rows["roc_auc"] - rows["roc_auc_paper"]
    found = rows.groupby(["fault", *_CELL], sort=False).agg(
        n_classes=("class", "size"),
        roc_auc=("roc_auc", "mean"),
        change=("change", "mean"),
    )
    DEVIATIONS.write(found.reset_index(), out)


def _read(table: Table, files: Sequence[Path]) -> pd.DataFrame:
    """Read several files of one kind as one table."""
    return pd.concat([table.read(file) for file in files])
