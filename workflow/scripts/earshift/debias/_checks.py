"""What the workflow makes sure of whenever it uses a method, whoever wrote it.

A method maps each clip by itself, as its fit and the domain of the clip say. What it
gives for a clip may depend neither on other clips that come with it, nor on their
domains, since these may be test clips or tell which dataset they are of, nor on what
the process did before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.base import TransformerMixin

from earshift.debias import _calls
from earshift.errors import MethodError

Array = NDArray[np.float64]

#: Differences that are rounding, as a share of the spread of a feature, and the share
#: of the size of all features that this spread counts as at least: in double precision,
#: and in single, where the last bits of a product depend on how many clips it has.
TOLERANCE, SINGLE_TOLERANCE = (1e-6, 1e-6), (1e-4, 1e-2)

#: Features from here on are no use: their squares overflow in single precision.
TOO_LARGE = 1e18

#: Clips of each batch that are transformed again, at most.
SAMPLE = 128

#: How much clips are changed to see if they are treated by their bits; how far features
#: then may move, as for `TOLERANCE`; and the share of clips that may be near to a step.
NUDGE, JUMP, RARE = 1e-7, (0.1, 1e-3), 0.05


@dataclass(frozen=True)
class Clips:
    """Some clips of one dataset.

    Parameters
    ----------
    dataset : str
        Name of the dataset.
    clip_id : ndarray of shape (n_clips,), str
        Their ids.
    X : ndarray of shape (n_clips, n_features), float64
        Their features.
    """

    dataset: str
    clip_id: NDArray[np.str_]
    X: Array


def transformed(
    method: TransformerMixin,
    groups: Sequence[Sequence[Clips]],
    *,
    mixed: bool,
    rng: np.random.Generator,
) -> list[list[Array]]:
    """Transform clips, each group and dataset apart, and check what comes.

    Parameters
    ----------
    method : TransformerMixin
        A fitted method.
    groups : sequence of sequence of Clips
        The clips that train of each dataset, the clips that test.
    mixed : bool
        Hand over the clips of a group in one batch, shuffled and without their domains,
        so that a method that sees nothing of the target cannot tell the datasets.
    rng : Generator
        Shuffles, and draws the clips that are transformed again.

    Returns
    -------
    list of list of ndarray of shape (n_clips, n_out), float64
        As `groups`; `n_out` is the same everywhere.

    Raises
    ------
    MethodError
        If the method is not a function of single clips, or gives no number for one.
    """
    flat = [clips for group in groups for clips in group]
    batches: list[list[int]] = [[i] for i in range(len(flat))]
    if mixed:
        places = iter(range(len(flat)))
        batches = [[next(places) for _ in group] for group in groups]
    out: dict[int, Array] = {}
    for batch in batches:
        owners = np.concatenate([np.full(len(flat[i].X), i) for i in batch])
        order = rng.permutation(len(owners)) if mixed else np.arange(len(owners))
        if not len(order):
            continue
        X = np.concatenate([flat[i].X for i in batch])[order]
        names = np.concatenate([flat[i].clip_id for i in batch])[order]
        datasets = np.array([flat[i].dataset for i in owners[order]])
        domain = None if mixed else datasets
        found = apply(method, X, domain)
        check_finite(found, datasets, names)
        _check_rows(method, X, domain, found, rng)
        back = found[np.argsort(order)]
        out |= {i: back[owners == i] for i in batch}
    widths = sorted({part.shape[1] for part in out.values()})
    if len(widths) > 1:
        raise MethodError(
            f"its transform gives {widths[0]} features for some clips and {widths[-1]} "
            "for others: all clips need the same number, which fit decides."
        )
    rest = iter(range(len(flat)))
    nothing = np.zeros((0, *widths))
    found_of = [[out.get(next(rest), nothing) for _ in group] for group in groups]
    if not mixed and _calls.takes(method.transform, "domain"):
        for group, parts in zip(groups, found_of, strict=True):
            _check_together(method, group, parts, rng)
    return found_of


def _check_together(
    method: TransformerMixin,
    group: Sequence[Clips],
    parts: Sequence[Array],
    rng: np.random.Generator,
) -> None:
    """Raise unless clips of all datasets in one batch give what they give apart."""
    domain = np.concatenate([np.full(len(clips.X), clips.dataset) for clips in group])
    rows = rng.permutation(len(domain))[:SAMPLE]
    if not len(rows):
        return
    X = np.concatenate([clips.X for clips in group])[rows]
    apart = np.concatenate(parts)[rows]
    if differ(apart, apply(method, X, domain[rows])):
        raise MethodError(
            "its transform of a clip depends on which datasets the clips that come "
            "with it are of: it must use the features of the clip and its own domain."
        )


def apply(
    method: TransformerMixin, X: Array, domain: NDArray[np.str_] | None = None
) -> Array:
    """Return the transform of `X`, one row of numbers for each of its rows.

    Parameters
    ----------
    method : TransformerMixin
        A fitted method.
    X : ndarray of shape (n_clips, n_features), float64
        Clips.
    domain : ndarray of shape (n_clips,), str, optional
        The dataset of each; None for a method that may not know.

    Returns
    -------
    ndarray of shape (n_clips, n_out), float64
        Not checked for NaN.

    Raises
    ------
    MethodError
        If it is of another shape or type, or if the method changed `X`.
    """
    given = X.copy()
    told = None if domain is None else domain.copy()
    found = _calls.transform(method, given, told)
    if not np.array_equal(given, X, equal_nan=True):
        raise MethodError(
            "its transform changes the clips that it is given, which other methods use "
            "as well: it must return a new array, and leave X as it is."
        )
    return numbers_of(found, len(X))


def numbers_of(found: object, n: int, function: str = "transform") -> Array:
    """Return what a function of a method gives, a row for each of `n` clips.

    Parameters
    ----------
    found : object
        What it returned.
    n : int
        Number of clips that it was given.
    function : str, default="transform"
        Its name, for the error.

    Returns
    -------
    ndarray of shape (n, n_out), float64
        Not checked for NaN.

    Raises
    ------
    MethodError
        If it is of another shape or type.
    """
    out = np.asarray(found)
    if out.ndim != 2 or len(out) != n or out.dtype.kind not in "fiub":
        raise MethodError(
            f"its {function} must give a row of real numbers for each of {n} "
            f"clips, got an array of shape {out.shape} and type {out.dtype}."
        )
    return out.astype(np.float64)


def check_finite(
    out: Array,
    datasets: NDArray[np.str_],
    clip_id: NDArray[np.str_],
    function: str = "transform",
) -> None:
    """Raise unless a function of a method gives numbers that can be used.

    Parameters
    ----------
    out : ndarray of shape (n_clips, n_out), float64
        What it gives.
    datasets, clip_id : ndarray of shape (n_clips,), str
        Of which clips.
    function : str, default="transform"
        Its name.

    Raises
    ------
    MethodError
        With the first clip of which a value is not finite, or too large.
    """
    fine = np.abs(out) < TOO_LARGE  # which NaN is not
    bad = ~fine.all(axis=1)
    if bad.any():
        i = int(bad.argmax())
        value = out[i][~fine[i]][0]
        raise MethodError(
            f"its {function} of clip '{clip_id[i]}' of dataset '{datasets[i]}' has the "
            f"value {value} ({bad.sum()} of {bad.size} clips are affected). A method "
            f"must give finite numbers below {TOO_LARGE:g} for every clip: clips that "
            "it leaves out would be missing from its scores, and from no other "
            "method's."
        )


def differ(a: Array, b: Array) -> bool:
    """Return True if two arrays, shape (n_clips, n_out), differ beyond rounding."""
    if a.shape != b.shape:
        return True
    single = np.array_equal(a, a.astype(np.float32))
    share, least = SINGLE_TOLERANCE if single else TOLERANCE
    return bool((np.abs(a - b) > share * _spread(a, least)).any())


def _spread(a: Array, least: float) -> Array:
    """Return the spread of each feature, at least a share of the size of all."""
    if not a.size:
        return np.zeros(a.shape[1])
    size = float(np.sqrt(np.mean(a**2)))
    return np.maximum(a.std(axis=0), least * size)


def _check_rows(
    method: TransformerMixin,
    X: Array,
    domain: NDArray[np.str_] | None,
    out: Array,
    rng: np.random.Generator,
) -> None:
    """Raise unless each row of `out` is a function of that row of `X` alone."""
    rows = rng.permutation(len(X))[: max(1, min(len(X) // 2, SAMPLE))]
    told = None if domain is None else domain[rows]
    alone = apply(method, X[rows], told)
    if differ(out[rows], alone):
        raise MethodError(_why_rows_differ(method, X, domain, out, rng))
    near = X[rows] * (1 + NUDGE * rng.choice([-1.0, 1.0], X[rows].shape))
    share, least = JUMP
    moved = np.abs(apply(method, near, told) - alone)
    jumps = ~(moved <= share * _spread(out, least)).all(axis=1)
    if jumps.mean() > RARE:
        raise MethodError(
            f"its transform of {jumps.sum()} of {jumps.size} clips jumps when they "
            "change by a ten-millionth: it looks up or hashes the values of single "
            "clips, such as those it was fitted to. It must give similar features for "
            "similar clips."
        )


def _why_rows_differ(
    method: TransformerMixin,
    X: Array,
    domain: NDArray[np.str_] | None,
    out: Array,
    rng: np.random.Generator,
) -> str:
    again = apply(method, X, domain)
    if differ(out, again):
        return (
            "its transform gives other features for the same clips when it is called "
            "again: it must draw nothing and remember nothing. Draw in fit, from a "
            "seed that is an option."
        )
    order = rng.permutation(len(X))
    # All of one domain, whose names therefore have no order.
    if differ(out[order], apply(method, X[order], domain)):
        return (
            "its transform of a clip depends on the place of the clip in X: the order "
            "of clips is an accident, and may tell their labels. Use the features of "
            "the clip alone."
        )
    return (
        "its transform of a clip depends on which other clips come with it: batch "
        "statistics in transform count as seeing the target. Compute them in fit, and "
        "declare that access ('target_unlabelled')."
    )
