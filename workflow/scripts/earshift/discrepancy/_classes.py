"""What measures that look at classes share: labels, classes to compare, means."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from earshift.discrepancy._pairs import Floats
from earshift.discrepancy._resampling import Draws
from earshift.errors import DataError

#: Labels: 1 present, 0 absent, -1 unknown.
Labels = NDArray[np.int8]

#: Sums over clips and their numbers, for each row of `Draws`.
Sums = tuple[Floats, Floats]


def both_labels(name: str, y_a: Labels | None, y_b: Labels | None) -> Labels:
    """Return the labels of both datasets, shape (n_a + n_b, n_classes).

    Parameters
    ----------
    name : str
        The measure, for the error.
    y_a, y_b : ndarray of shape (n_clips, n_classes), int8, or None
        Labels of the two datasets.

    Returns
    -------
    ndarray of shape (n_a + n_b, n_classes), int8
        First those of `a`.

    Raises
    ------
    DataError
        If they are not given.
    """
    if y_a is None or y_b is None:
        raise DataError(
            f"the measure '{name}' compares clips by class and needs the labels of "
            "both datasets, y_a and y_b, of shape (n_clips, n_classes): 1 present, 0 "
            "absent, -1 unknown. Measures such as 'mmd' need none."
        )
    return np.concatenate([y_a, y_b])


def classes_to_compare(
    name: str, y: Labels, draws: Draws, *, n_recordings: int, n_clips: int = 1
) -> Iterator[NDArray[np.int64]]:
    """Return the clips of each class that can be compared between the datasets.

    Parameters
    ----------
    name : str
        The measure, for the error.
    y : ndarray of shape (n_a + n_b, n_classes), int8
        Labels.
    draws : Draws
        Recordings and datasets.
    n_recordings : int
        Recordings that a class needs in each dataset.
    n_clips : int, default=1
        Clips that it needs in both together.

    Returns
    -------
    iterator of ndarray of shape (n_own,), int64
        Numbers of the clips that have the class.

    Raises
    ------
    DataError
        If there is no such class.
    """
    some = [np.flatnonzero(own) for own in (y == 1).T]
    found = [
        own
        for own in some
        if len(own) >= n_clips
        and all(
            len(np.unique(draws.recording[own[side[0, own]]])) >= n_recordings
            for side in (draws.in_a, draws.in_b)
        )
    ]
    if not found:
        raise DataError(
            f"the measure '{name}' needs a class of which each dataset has clips of "
            f"{n_recordings} recordings or more, with {n_clips} clips or more in both "
            f"together; of the {y.shape[1]} classes none is such. Give it more clips, "
            "or leave this measure out."
        )
    return iter(found)


def mean_over_classes(sums: Iterable[Sums]) -> Floats:
    """Return the mean over classes of the mean over clips, for each draw.

    Parameters
    ----------
    sums : iterable of (ndarray, ndarray), each of shape (n_draws,)
        Of each class, the sum over clips, and how many these are.

    Returns
    -------
    ndarray of shape (n_draws,), float64
        Of the classes that a draw has clips of; see `filled`.
    """
    of_each = list(sums)
    total, number = (np.stack([each[k] for each in of_each]) for k in (0, 1))
    means = np.full_like(total, np.nan)
    np.divide(total, number, out=means, where=number > 0)
    return mean_of_known(means)


def mean_of_known(values: Floats) -> Floats:
    """Return the mean over classes, shape (n_draws,), of those that are not NaN.

    Parameters
    ----------
    values : ndarray of shape (n_classes, n_draws), float64
        NaN where a draw has no value for a class.

    Returns
    -------
    ndarray of shape (n_draws,), float64
        Filled as by `filled`.
    """
    known = np.isfinite(values)
    total, number = np.where(known, values, 0).sum(axis=0), known.sum(axis=0)
    out = np.full_like(total, np.nan)
    np.divide(total, number, out=out, where=number > 0)
    return filled(out)


def filled(values: Floats) -> Floats:
    """Return values of draws, with that of the datasets where a draw has none.

    A draw of few recordings may have no class in both datasets. Such a null value is
    not less extreme than the value, so that it cannot make a p-value smaller.
    """
    return np.where(np.isfinite(values), values, values[0])
