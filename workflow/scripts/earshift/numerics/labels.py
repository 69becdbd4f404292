"""Labels as plain arrays say them: a class of each clip, or a column for each class."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from earshift.errors import DataError


def label_matrix(
    y: ArrayLike, n_clips: int, classes: Sequence[str] | None = None, *, what: str = "y"
) -> tuple[NDArray[np.int8], list[str]]:
    """Return the labels of clips, with a column for each class.

    Parameters
    ----------
    y : array-like of shape (n_clips,) or (n_clips, n_classes)
        The class of each clip; or for each class 1 where it is present, 0 where it is
        absent, and -1 or NaN where that is unknown.
    n_clips : int
        How many clips there are.
    classes : sequence of str, optional
        Of a single column, the classes to look for, by default all, sorted; of a
        matrix, the names of its columns, by default their numbers.
    what : str, default="y"
        What messages call `y`.

    Returns
    -------
    labels : ndarray of shape (n_clips, n_classes), int8
        1 present, 0 absent, -1 unknown.
    classes : list of str
        Names of the columns.

    Raises
    ------
    DataError
        If the array or the names do not fit, or it holds anything else.
    """
    given = np.asarray(y)
    if given.ndim not in (1, 2) or len(given) != n_clips:
        raise DataError(
            f"{what} must have the class of each of {n_clips} clips, or a row for each "
            f"and a column per class, got shape {given.shape}."
        )
    if given.ndim == 1:
        words = given.astype(str)
        names = np.unique(words) if classes is None else np.asarray(classes, str)
        return (words[:, None] == names).astype(np.int8), names.tolist()
    values = given.astype(np.float64)
    known = np.where(np.isnan(values), -1, values)
    if not np.isin(known, (-1, 0, 1)).all():
        raise DataError(
            f"{what} must be 1 (present), 0 (absent), or -1 or NaN (unknown) "
            "throughout."
        )
    named = [str(i) for i in range(values.shape[1])] if classes is None else classes
    if len(named) != values.shape[1]:
        raise DataError(
            f"'classes' must name {values.shape[1]} columns of {what}, got "
            f"{len(named)}."
        )
    return known.astype(np.int8), list(map(str, named))
