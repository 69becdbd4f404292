"""Time our path of logistic regressions against scikit-learn's, on one core.

    python benchmarks/classifier.py

Both solve the same problems to the same accuracy: balanced classes, an L2 penalty, six
values of C. The baseline is `LogisticRegression(solver="newton-cholesky")`, one fit per
value. The row space column adds the rotation that is done once per training set where
features outnumber clips.
"""

import sys
import time

import numpy as np
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from earshift import classifier, logistic

GRID = [1e-4, 1e-3, 1e-2, 0.1, 1.0, 10.0]
REPEATS = 5


def seconds(function):
    """Return the least time of some calls, and the last result."""
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        result = function()
        times.append(time.perf_counter() - start)
    return min(times), result


def ours(X, y):
    """Fit the path in the row space."""
    basis = classifier.row_space(X)
    coef, _ = logistic.fit_path(X @ basis.T, y, GRID)
    return coef @ basis


def baseline(X, y):
    """Fit one scikit-learn model per penalty."""
    return np.stack(
        [
            LogisticRegression(
                C=C, class_weight="balanced", solver="newton-cholesky", tol=1e-8
            )
            .fit(X, y)
            .coef_[0]
            for C in GRID
        ]
    )


def main() -> None:
    """Print a table of times and ratios."""
    rng = np.random.default_rng(0)
    sys.stdout.write("clips features  ours_ms  sklearn_ms  ratio  difference\n")
    with threadpool_limits(1):
        for n_clips, n_features in [(200, 120), (200, 200), (200, 1024), (1000, 512)]:
            X = rng.standard_normal((n_clips, n_features))
            y = X[:, 0] + rng.standard_normal(n_clips) > 0.8
            fast, a = seconds(lambda X=X, y=y: ours(X, y))
            slow, b = seconds(lambda X=X, y=y: baseline(X, y))
            difference = np.abs(a - b).max() / np.abs(b).max()
            sys.stdout.write(
                f"{n_clips:5d} {n_features:8d} {1e3 * fast:8.1f} {1e3 * slow:11.1f} "
                f"{slow / fast:6.1f} {difference:11.1e}\n"
            )


if __name__ == "__main__":
    main()
