"""Maximum mean discrepancy with a Gaussian kernel, as a user would write it."""

import numpy as np
from scipy.spatial.distance import cdist

from earshift.discrepancy import resample

version = 1
label = "MMD"
better = "lower"
range = (0.0, None)
at_equality = None


def measure(X_a, X_b, *, recordings_a, recordings_b, rng, width: float = 1.0, **_):
    X = np.concatenate([X_a, X_b])
    # The kernel of all clips is made once; what is drawn are its rows and columns.
    K = np.exp(-0.5 * cdist(X, X, "sqeuclidean") / (width**2 * X.shape[1]))

    def mmd(a, b):
        within = K[np.ix_(a, a)].mean() + K[np.ix_(b, b)].mean()
        return np.sqrt(max(0.0, within - 2 * K[np.ix_(a, b)].mean()))

    return resample(mmd, recordings_a, recordings_b, rng)
