"""L2-penalised logistic regression; inner folds choose the strength of the penalty."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from earshift.errors import ConfigError

if TYPE_CHECKING:
    from earshift.classifiers._logistic import LogisticRegression

version = 1
linear = True


def make(
    *, C: Sequence[float] = (1e-4, 1e-3, 1e-2, 0.1, 1.0, 10.0)
) -> LogisticRegression:
    """Return a logistic regression in which both classes weigh the same.

    Parameters
    ----------
    C : sequence of float
        Inverse strengths of the L2 penalty to choose from; among equals the smallest
        wins.

    Returns
    -------
    LogisticRegression
        Not fitted.

    Raises
    ------
    ConfigError
        If there is no value, or one that is not above 0.
    """
    if not C or min(C) <= 0:
        raise ConfigError(
            f"C must hold numbers above 0, one or more of them, got {list(C)}."
        )
    # Only where it is used: scikit-learn takes half a second to load.
    from earshift.classifiers._logistic import LogisticRegression

    return LogisticRegression(tuple(C))
