"""How near the terms of planted shifts come to the truth, and how often intervals do.

    python benchmarks/decomposition.py [--seeds 20] [--cases translation,...] [--quick]

Two datasets that differ in one known way are made up again and again, 300 clips of
either. The truth is that of the true densities and of a classifier of 20,000 clips.
Each row has the truth, and over seeds the mean of the estimates, their spread, and the
share of intervals that hold the truth. ``--quick`` takes two seeds of one case.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np

from earshift import decompose
from tests.helpers import planted

TERMS = ("loss", "label_shares", "subgroups", "x_source", "y_given_x", "x_target")


def found(case, seed, options):
    """Return the terms of one pair of datasets."""
    name, _, by_subgroup = case.partition(" by ")
    X, y, subgroup, domain = planted.arrays(name, seed)
    own = decompose(
        *(X, y, domain),
        source="source",
        target="target",
        subgroup=subgroup if by_subgroup else None,
        methods=["none"],
        metric="balanced_accuracy",
        n_labels=0,
        C=[1.0],
        **options,
    )
    return own.terms("loss")


def main():
    """Print a row for each case and term."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    cases = [*planted.CASES, "mixture by subgroup"]
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--cases", default=",".join(cases))
    parser.add_argument("--quick", action="store_true")
    asked = parser.parse_args()
    options = {"n_repeats": 2, "n_refits": 8, "n_resamples": 300}
    seeds, chosen = asked.seeds, asked.cases.split(",")
    if asked.quick:
        options = {"n_repeats": 1, "n_refits": 0, "n_resamples": 99, "n_folds": 3}
        seeds, chosen = 2, chosen[:1]
    sys.stdout.write(f"{'case':<22}{'term':<14}  truth   mean spread   held\n")
    for case in chosen:
        name, _, by_subgroup = case.partition(" by ")
        true = planted.truth(name, "balanced_accuracy", by_subgroup=bool(by_subgroup))
        tables = [found(case, seed, options) for seed in range(seeds)]
        for term in TERMS:
            rows = np.array([table.loc[term] for table in tables])
            if np.isnan(rows).any():
                continue
            value, low, high = rows.T
            held = np.mean((low - 1e-9 <= true[term]) & (true[term] <= high + 1e-9))
            sys.stdout.write(
                f"{case:<22}{term:<14}{true[term]:7.3f}{value.mean():7.3f}"
                f"{value.std(ddof=1):7.3f}{held:6.0%}\n"
            )
        sys.stdout.flush()


if __name__ == "__main__":
    main()
