"""Time our path of logistic regressions against scikit-learn's, on one core.

    python benchmarks/classifier.py [--quick]

Both solve the same problems to the same accuracy: balanced classes, an L2 penalty, six
values of C. The baseline is `LogisticRegression(solver="newton-cholesky")`, one fit per
value. Ours includes the products of clips, which are computed once per training set,
unless there are many more clips than features. ``--quick`` takes the smallest
problem, once.
"""

import argparse
import sys
import time

import numpy as np
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from earshift.numerics import classifier, logistic

GRID = [1e-4, 1e-3, 1e-2, 0.1, 1.0, 10.0]
REPEATS = 5
SIZES = [(200, 120), (200, 200), (200, 1024), (1000, 512)]


def seconds(function, repeats):
    """Return the least time of some calls, and the last result."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        result = function()
        times.append(time.perf_counter() - start)
    return min(times), result


def ours(X, y):
    """Fit the path from features, or from the products of clips."""
    K = classifier.products(X)
    if K is None:
        return logistic.fit_path(X, y, GRID)[0]
    return logistic.fit_clips(K, y, GRID)[0] @ X


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
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    sizes, repeats = (SIZES[:1], 1) if quick else (SIZES, REPEATS)
    rng = np.random.default_rng(0)
    sys.stdout.write("clips features  ours_ms  sklearn_ms  ratio  difference\n")
    with threadpool_limits(1):
        for n_clips, n_features in sizes:
            X = rng.standard_normal((n_clips, n_features))
            y = X[:, 0] + rng.standard_normal(n_clips) > 0.8
            fast, a = seconds(lambda X=X, y=y: ours(X, y), repeats)
            slow, b = seconds(lambda X=X, y=y: baseline(X, y), repeats)
            difference = np.abs(a - b).max() / np.abs(b).max()
            sys.stdout.write(
                f"{n_clips:5d} {n_features:8d} {1e3 * fast:8.1f} {1e3 * slow:11.1f} "
                f"{slow / fast:6.1f} {difference:11.1e}\n"
            )


if __name__ == "__main__":
    main()
