"""Stage 2, embeddings: which plan a store belongs to, so that no other writes into it.

Two experiments may name the same `store: address`. Each plan therefore has a token,
made once and kept in ``<condition>.owner.json`` beside it; the plan, the index and the
store say it, too. Before anything is read or written the tokens are compared.
"""

from __future__ import annotations

import json
import secrets
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from earshift import files, layout, store
from earshift.errors import DataError
from earshift.stages.embeddings import region_files

#: Attribute of a store that says whose it is: `token`, `plan` (path) and `host`.
OWNER = "owner"

_ELSEWHERE = (
    "Two experiments cannot share a store, since each would overwrite the other's "
    "embeddings. Give this experiment another 'store: address'; or, if the other one "
    "is no longer needed, delete the store and run again."
)


def claim(plan: Path, location: store.Location, *, known: bool = False) -> str:
    """Make a store the plan's own before it is made, replaced or added to.

    Parameters
    ----------
    plan : Path
        Plan that is about to be written. The file with its token is written beside it,
        if there is none.
    location : Path or str
        Where the store is, or will be.
    known : bool, default=False
        Whether a store that names no owner, of an earlier version, is this plan's.

    Returns
    -------
    str
        The token of the plan.

    Raises
    ------
    DataError
        If another plan made the store, or this plan is a copy of the one that did.
    """
    check_free(plan, location, known=known)
    file = _file_of(plan)
    token = _token_in(file) or secrets.token_hex(8)
    if not file.exists():
        with files.whole_file(file) as new:
            new.write_text(json.dumps({"token": token}) + "\n")
    attributes = store.attributes(location)
    if attributes and attributes.get(OWNER) != (owner := owner_of(plan, token)):
        store.set_attributes(location, {OWNER: owner})
    return token


def owner_of(plan: Path, token: str) -> dict[str, str]:
    """Return what a store says of the plan that it belongs to."""
    return {"token": token, "plan": str(plan.resolve()), "host": socket.gethostname()}


def check_free(plan: Path, location: store.Location, *, known: bool = False) -> None:
    """Refuse a store that another plan made; nothing is written.

    Parameters
    ----------
    plan, location, known
        As for `claim`.

    Raises
    ------
    DataError
        If another plan made the store, or this plan is a copy of the one that did.
    """
    attributes = store.attributes(location)
    if not attributes:
        return
    theirs = attributes.get(OWNER)
    if theirs is None:
        if region_files.is_beside(plan, location):
            return
        if not known:
            raise DataError(
                f"'{location}' is a store of an experiment that it does not name, "
                f"embedded by an earlier version; it does not belong to '{plan}'. "
                f"{_ELSEWHERE}"
            )
        _check_index(plan, location)
        return
    if theirs["token"] != _token_in(_file_of(plan)):
        raise _another(plan, location, theirs)
    _check_original(plan, location, theirs)


def store_of(plan: Path, *, writing: bool = False) -> store.Location:
    """Return where the store of a plan is, if it is there and is the plan's own.

    Parameters
    ----------
    plan : Path
        A plan, as `region_files.write` wrote it.
    writing : bool, default=False
        Whether something will be written into the store.

    Returns
    -------
    Path or str
        The store.

    Raises
    ------
    DataError
        If there is no store, another plan made it, it was made anew since the plan was
        written, or, for writing, this plan is a copy of the one that made it.
    """
    location = region_files.location_of(plan)
    check(plan, location, writing=writing)
    return location


def check(plan: Path, location: store.Location, *, writing: bool = False) -> None:
    """Compare a plan with a store that shall be its own, as `store_of` does.

    Parameters
    ----------
    plan : Path
        A plan, as `region_files.write` wrote it.
    location : Path or str
        The store.
    writing : bool, default=False
        Whether something will be written into the store.

    Raises
    ------
    DataError
        As of `store_of`.
    """
    content, attributes = region_files.read(plan), store.attributes(location)
    if not attributes:
        moved = "put it back there"
        if not region_files.is_within_results(plan, location):
            moved += ", or set 'store: address' to where it is now"
        raise DataError(
            f"there is no store at '{location}', where '{plan}' says that it is. If it "
            f"was moved, {moved}; if it is lost, {store.ANEW}."
        )
    theirs = attributes.get(OWNER, {})
    if theirs.get("token") != content.get("token"):
        raise _another(plan, location, theirs)
    if attributes.get("key") != content["key"]:
        raise DataError(
            f"'{location}' was made anew, with another model, options or weights, "
            f"after '{plan}' was written. Run the experiment with ARGS='--forcerun "
            "plan_regions'."
        )
    if writing and theirs:
        _check_original(plan, location, theirs)


def check_index(plan: Path, index: pd.DataFrame) -> None:
    """Refuse an index that was written for the store of another plan.

    Parameters
    ----------
    plan : Path
        A plan.
    index : DataFrame
        The index beside it. One of an earlier version has no token and is accepted.

    Raises
    ------
    DataError
        If the two name different tokens.
    """
    token, wanted = index.attrs.get("token"), region_files.read(plan).get("token")
    if token is not None and token != wanted:
        raise DataError(
            f"the index beside '{plan}' is of the store of another plan (its token is "
            f"{token}, that of the plan {wanted}). Run the experiment with "
            "ARGS='--forcerun index_embeddings'."
        )


def _check_index(plan: Path, location: store.Location) -> None:
    """Refuse a store without owner whose index is not the one beside the plan."""
    if not (file := layout.beside(plan, layout.STORE_PLAN, layout.INDEX)).exists():
        return
    if problem := compare_index(file, location):
        raise DataError(
            f"'{location}' does not hold what '{file}' says: {problem}. Another "
            f"experiment may have overwritten it. {_ELSEWHERE}"
        )


def compare_index(file: Path, location: store.Location) -> str:
    """Return how the index in a store differs from the one beside it, or nothing."""
    beside = pd.read_parquet(file)
    try:
        ids, first, n = store.read_index(location)
    except (FileNotFoundError, KeyError, ValueError, RuntimeError) as error:
        return f"the store's own index cannot be read: {error}"
    same = (
        ids == beside["clip_id"].tolist()
        and first.tolist() == beside["first_frame"].tolist()
        and n.tolist() == beside["n_frames"].tolist()
    )
    return "" if same else "the store's own index says something else"


def _another(
    plan: Path, location: store.Location, theirs: Mapping[str, Any]
) -> DataError:
    other = "by an earlier version, and does not name its plan"
    if theirs:
        other = f"by the plan '{theirs['plan']}' (on {theirs['host']})"
    return DataError(
        f"the store '{location}' was made {other}; this plan is '{plan.resolve()}' "
        f"(on {socket.gethostname()}). {_ELSEWHERE}"
    )


def _check_original(
    plan: Path, location: store.Location, theirs: Mapping[str, Any]
) -> None:
    """Refuse to write from a copy of the results whose original is still there."""
    original = Path(theirs["plan"])
    if region_files.is_within_results(plan, location) or original == plan.resolve():
        return
    if _token_in(_file_of(original)) == theirs["token"]:
        raise DataError(
            f"'{plan}' is a copy of '{original}', and both would write into the store "
            f"'{location}'. {_ELSEWHERE}"
        )


def _file_of(plan: Path) -> Path:
    return region_files.beside(plan, ".owner.json")


def _token_in(file: Path) -> str | None:
    return json.loads(file.read_text())["token"] if file.is_file() else None
