"""What of the datasets is not used: every class, why, and how many clips.

The same table and the same sentences are made twice: from the labels alone, before the
first job, and from the folds, by stage 4; the report shows the second.
"""

from __future__ import annotations

import textwrap
from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from earshift import names
from earshift.datasets import LABEL, classes
from earshift.errors import DataError, did_you_mean
from earshift.stages.splits.alignment import UNUSED
from earshift.tables import CLASSES

#: Why a class of another dataset cannot be used here.
NOT_LABELLED = "not labelled"
NOT_ALIGNED = "no rule of the alignment names it"
NOT_ASKED = "not among 'classes' in the config"

#: Start of the reason where a dataset could use a class, and another cannot.
ELSEWHERE = "cannot be used in "

#: Classes that one sentence names.
NAMED = 8


def shared(tables: Mapping[str, pd.DataFrame]) -> list[str]:
    """Return the classes that all datasets have labels for, sorted."""
    return sorted(set.intersection(*(set(classes(t)) for t in tables.values())))


def check_shared(
    tables: Mapping[str, pd.DataFrame], asked: Collection[str]
) -> list[str]:
    """Return the shared classes; refuse an experiment without any.

    Parameters
    ----------
    tables : mapping
        Name of each dataset -> its labels, as `alignment.in_use` returns them.
    asked : collection of str
        Classes of the config.

    Returns
    -------
    list of str
        As `shared`.

    Raises
    ------
    DataError
        If there is none, or one that was asked for is not among them.
    """
    found = shared(tables)
    for name in sorted(set(asked) - set(found)):
        without = [d for d, table in tables.items() if name not in classes(table)]
        raise DataError(
            f"class '{name}' is not labelled in every dataset: not in "
            f"{', '.join(without)} {did_you_mean(name, found)}"
        )
    if not found:
        own = "; ".join(f"{d} has {few(classes(t))}" for d, t in tables.items())
        raise DataError(
            f"{', '.join(tables)} have no class in common: {own}."
            f"{_did_you_mean(tables)} Write a class alike in all of them, or map their "
            "labels to shared classes by 'alignment' in the config (docs/splits.md)."
        )
    return found


def check_any_used(found: pd.DataFrame, datasets: Sequence[str]) -> None:
    """Refuse an experiment in which no class can be used.

    Parameters
    ----------
    found : DataFrame
        As `survey` returns it.
    datasets : sequence of str
        Names.

    Raises
    ------
    DataError
        With the reasons.
    """
    if not found["used"].any():
        raise DataError(
            f"no class can be used in all of {', '.join(datasets)}:\n"
            + "\n".join(sentences(found)[:4])
        )


def survey(
    tables: Mapping[str, pd.DataFrame],
    reasons: Mapping[tuple[str, str], str] = MappingProxyType({}),
    asked: Collection[str] = (),
) -> pd.DataFrame:
    """Count every class of every dataset, and say which are used.

    Parameters
    ----------
    tables : mapping
        Name of each dataset -> its labels, as `alignment.in_use` returns them.
    reasons : mapping, default={}
        Class and dataset -> why it cannot be used there, though all datasets have it.
    asked : collection of str, default=()
        Classes of the config; if empty, all that the datasets share.

    Returns
    -------
    DataFrame
        Columns of `tables.CLASSES`, sorted by class; datasets in the order of `tables`.
    """
    own = {name: _columns(table) for name, table in tables.items()}
    every = sorted(set().union(*own.values()))
    why = {
        (c, name): _why_not(c, table, reasons.get((c, name), ""), asked)
        for name, table in tables.items()
        for c in every
    }
    used = [c for c in every if not any(why[c, name] for name in tables)]
    recordings = {n: pd.factorize(t["recording"])[0] for n, t in tables.items()}
    spare = {name: _spare(table, used) for name, table in tables.items()}
    rows = []
    for c in every:
        lacking = [name for name in tables if why[c, name]]
        for name, table in tables.items():
            reason = why[c, name] or (lacking and ELSEWHERE + ", ".join(lacking)) or ""
            rows.append(
                {"class": c, "dataset": name, "used": c in used, "reason": reason}
                | _counts(table.get(own[name].get(c)), recordings[name], spare[name])
                | {"near": _near(c, name, own)}
            )
    return pd.DataFrame(rows, columns=CLASSES.names)


def sentences(found: pd.DataFrame) -> list[str]:
    """Say which classes are left out and why, those of one reason together.

    Parameters
    ----------
    found : DataFrame
        As `survey` returns it.

    Returns
    -------
    list of str
        One sentence for each reason, with the clips of each class.
    """
    lost = found[~found["used"].astype(bool)]
    groups: dict[str, list[str]] = {}
    for c, rows in lost.groupby("class", sort=True):
        said = _named(str(c), rows.to_dict("records"))
        groups.setdefault(because(rows), []).append(said)
    return [f"{few(own)}: {why}." for why, own in groups.items()]


def because(rows: pd.DataFrame) -> str:
    """Return why a class is left out, for the sake of which datasets.

    Parameters
    ----------
    rows : DataFrame
        Its rows of a table of `survey`.

    Returns
    -------
    str
        The reasons; where the alignment leaves it out, that alone.
    """
    own = rows[~rows["reason"].str.startswith(ELSEWHERE)]
    if own["reason"].eq(NOT_ALIGNED).any():
        own = own[own["reason"].eq(NOT_ALIGNED)]
    parts = []
    for reason, part in own.groupby("reason", sort=False):
        where = ", ".join(part["dataset"])
        if reason == NOT_ASKED:
            parts.append(NOT_ASKED)
        elif reason == NOT_LABELLED:
            parts.append(f"{reason} in {where}")
        else:
            parts.append(f"{reason} ({where})")
    return "; ".join(parts)


def wrapped(sentence: str, width: int = 100) -> str:
    """Return a sentence in lines for a terminal; all but the first are indented.

    Parameters
    ----------
    sentence : str
        One line of any length.
    width : int, default=100
        Characters of a line at most; a longer word has a line of its own.

    Returns
    -------
    str
        The lines.
    """
    return textwrap.fill(
        sentence,
        width,
        subsequent_indent="    ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def few(words: Sequence[str]) -> str:
    """Return words in a row; of many, the first `NAMED` and how many more there are.

    Parameters
    ----------
    words : sequence of str
        Names, or parts of a sentence.

    Returns
    -------
    str
        With commas between them.
    """
    more = len(words) - NAMED
    return ", ".join(words[:NAMED]) + (f" and {more} more" if more > 0 else "")


def _columns(table: pd.DataFrame) -> dict[str, str]:
    """Return the classes and unused labels of a dataset -> their columns."""
    unused = [c for c in table.columns if c.startswith(UNUSED)]
    labels = [LABEL + c for c in classes(table)]
    return {c.partition(":")[2]: c for c in (*unused, *labels)}


def _why_not(c: str, table: pd.DataFrame, reason: str, asked: Collection[str]) -> str:
    """Return why a class is not used for the sake of one dataset, or nothing."""
    if UNUSED + c in table and LABEL + c not in table:
        return NOT_ALIGNED
    if LABEL + c not in table:
        return NOT_LABELLED
    return NOT_ASKED if asked and c not in asked else reason


def _spare(table: pd.DataFrame, used: Sequence[str]) -> NDArray[np.bool_]:
    """Return which clips have no class in use, and are known to lack one."""
    present, absent = np.zeros((2, len(table)), bool)
    for c in used:
        present |= _is(table[LABEL + c], value=True)
        absent |= _is(table[LABEL + c], value=False)
    return absent & ~present


def _counts(
    labels: pd.Series[bool] | None,
    recordings: NDArray[np.int64],
    spare: NDArray[np.bool_],
) -> dict[str, int]:
    """Return the numbers of a row."""
    n = len(recordings)
    present, absent = np.zeros((2, n), bool)
    if labels is not None:
        present, absent = (_is(labels, value=value) for value in (True, False))
    n_present, n_absent = int(present.sum()), int(absent.sum())
    return {
        "n_present": n_present,
        "n_absent": n_absent,
        "n_unknown": n - n_present - n_absent,
        "recordings_present": len(pd.unique(recordings[present])),
        "recordings_absent": len(pd.unique(recordings[absent])),
        "n_negatives": int((present & spare).sum()),
    }


def _is(labels: pd.Series[bool], *, value: bool) -> NDArray[np.bool_]:
    """Return where a label is known to be `value`."""
    found: NDArray[np.bool_] = labels.eq(value).fillna(value=False).to_numpy(bool)
    return found


def _near(c: str, name: str, own: Mapping[str, Mapping[str, str]]) -> str:
    """Return the name of this dataset alone that may be a class it lacks."""
    if c in own[name]:
        return ""
    others = [labels for labels in own.values() if c in labels]
    alone = [each for each in own[name] if not any(each in o for o in others)]
    return next(iter(names.near(c, alone)), "")


def _named(c: str, rows: Sequence[Mapping[Any, Any]]) -> str:
    """Name a class that is left out, with its clips and what it may be called."""
    parts = []
    for row in rows:
        if row["n_present"]:
            n, kept = row["n_present"], row["n_negatives"]
            clips = f"{row['dataset']}: {n} clip{'s' * (n != 1)}"
            parts.append(clips + (f", {kept} kept as negatives" if kept else ""))
    hints = [f"'{r['near']}' of {r['dataset']}" for r in rows if r["near"]]
    if hints:
        parts.append(f"did you mean {' or '.join(hints)}?")
    return f"{c} ({'; '.join(parts)})" if parts else c


def _did_you_mean(tables: Mapping[str, pd.DataFrame]) -> str:
    """Name the pairs of classes of two datasets that may be one."""
    found = survey(tables)
    pairs = found[found["near"] != ""]
    said = {
        frozenset((c, near)): f"'{near}' of {dataset} and '{c}'"
        for c, near, dataset in pairs[["class", "near", "dataset"]].to_numpy(str)
    }
    return f" Are {few(list(said.values()))} the same?" if said else ""
