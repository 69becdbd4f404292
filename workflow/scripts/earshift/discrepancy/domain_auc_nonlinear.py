"""Non-linear domain AUC: how well a kernel classifier tells two datasets apart."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from earshift.discrepancy import Result
from earshift.discrepancy._domain_classifier import out_of_fold

version = 1
label = "non-linear domain AUC"
better = "lower"
range = (0.0, 1.0)
at_equality = 0.5


def measure(
    X_a: NDArray[np.floating],
    X_b: NDArray[np.floating],
    *,
    recordings_a: NDArray[np.str_],
    recordings_b: NDArray[np.str_],
    rng: np.random.Generator,
    **_: Any,
) -> Result:
    """Score clips by a support vector machine of the dataset, out of fold.

    The kernel is Gaussian, of width ``"scale"`` (one over the number of features times
    their variance), with C = 1. It sees what a linear classifier cannot: differences of
    spread and of shape that remain when means agree.

    Parameters
    ----------
    X_a, X_b : ndarray of shape (n_clips, n_features)
        Features of the two datasets.
    recordings_a, recordings_b : ndarray of shape (n_clips,), str
        Recording of each clip.
    rng : Generator
        Draws the folds.

    Returns
    -------
    Result
        Its value is in [0, 1], as for the linear measure.
    """
    # Only where it is used: scikit-learn takes a second to load.
    from sklearn.svm import SVC

    classifier = SVC(kernel="rbf", gamma="scale", C=1.0, class_weight="balanced")
    return out_of_fold(classifier, X_a, X_b, recordings_a, recordings_b, rng)
