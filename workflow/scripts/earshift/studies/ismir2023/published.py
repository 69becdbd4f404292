"""Published numbers of the ISMIR 2023 study, as tables of our own form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from earshift import resources
from earshift.studies.ismir2023.columns import COSINES
from earshift.tables import SCORES, Table

#: What the tables call them in the column `protocol`.
PUBLISHED = "published"

#: Config entries of methods, by their names in the experiment.
Methods = Mapping[str, Mapping[str, Any]]


def results() -> pd.DataFrame:
    """Return the published test scores of each class.

    Returns
    -------
    DataFrame
        Columns protocol (``"published"``), model, method, scope, train, test, partner
        (the dataset that is not `train`), class, roc_auc, average_precision, precision,
        recall, f1, accuracy (shares) and n_positive (clips).
    """
    table = _read(SCORES, "results")
    first, second = table["train"].unique()
    other = table["train"].map({first: second, second: first})
    return table.assign(partner=other)


def cosines() -> pd.DataFrame:
    """Return the published cosines between dataset and class directions.

    Returns
    -------
    DataFrame
        Columns protocol (``"published"``), model, method (``lda`` in the space of the
        embedding, ``klda`` in that of the kernel), scope, train, class, cosine.
    """
    return _read(COSINES, "cosines")


def by_plugin(table: pd.DataFrame, methods: Methods) -> pd.DataFrame:
    """Call methods as the study does, whatever an experiment calls them.

    Parameters
    ----------
    table : DataFrame
        With a column `method`.
    methods : mapping
        Config entries of the methods.

    Returns
    -------
    DataFrame
        The first entry of each plugin that the study has is called like the plugin. An
        entry that has such a name, and is something else, has its plugin added.
    """
    known = set(results()["method"])
    names: dict[str, str] = {}
    for name, entry in methods.items():
        plugin = str(entry["plugin"])
        if plugin in known and plugin not in names.values():
            names[name] = plugin
        elif name in known:
            names[name] = f"{name} ({plugin})"
    return table.assign(method=table["method"].replace(names))


def _read(table: Table, name: str) -> pd.DataFrame:
    """Read a file of some columns of one of our tables."""
    return table.read(resources.resource("ismir2023") / f"{name}.csv")
