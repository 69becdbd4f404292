"""How even folds are, and how many recordings a change of the data moves.

    python benchmarks/folds.py results/4_splits/mini_irmas.labels.parquet [--folds 5]

Tables have the columns recording and label:<class>, as stage 4 writes them. A change
removes a clip, a recording or a tenth of the recordings; adding as much moves as many
of the others. Unevenness is the standard deviation of a class's clips over folds
divided by their mean, averaged over classes with at least as many recordings as folds.
"""

import argparse
import sys

import numpy as np
import pandas as pd

from earshift.numerics.grouped_folds import assign_folds
from earshift.stages.splits.splitting import kinds_of

SEEDS = 20
CHANGES = 8


def moved(kinds, recordings, kept, whole, n_folds, seed):
    """Return the share of the kept recordings whose fold the rest decides, too."""
    rng = np.random.default_rng(seed)
    less = assign_folds(kinds[kept], recordings[kept], n_folds, rng)
    table = pd.DataFrame({"before": whole[kept], "after": less}).groupby(
        recordings[kept]
    )
    first = table.first()
    return (first["before"] != first["after"]).mean()


def unevenness(kinds, recordings, fold, n_folds):
    """Return the deviation of counts over folds by their mean, averaged over kinds."""
    counts = [
        np.bincount(fold[kind], minlength=n_folds)
        for kind in kinds.T
        if len(np.unique(recordings[kind])) >= n_folds
    ]
    return np.mean([n.std() / n.mean() for n in counts])


def main():
    """Print a row for each table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("tables", nargs="+")
    parser.add_argument("--folds", type=int, default=5)
    options = parser.parse_args()
    columns = "table recordings one_clip one_recording a_tenth unevenness".split()
    sys.stdout.write(f"| {' | '.join(columns)} |\n{'|---' * len(columns)}|\n")
    for path in options.tables:
        table = pd.read_parquet(path)
        recordings, kinds = table["recording"].to_numpy(str), kinds_of({"": table})
        names = np.unique(recordings)
        n_classes = (kinds.shape[1] - 1) // 2
        found = []
        for seed in range(SEEDS):
            rng = np.random.default_rng(seed)
            whole = assign_folds(kinds, recordings, options.folds, rng)
            even = unevenness(kinds[:, :n_classes], recordings, whole, options.folds)
            for change in range(CHANGES):
                draw = np.random.default_rng([seed, change])
                clip = np.arange(len(table)) != draw.integers(len(table))
                parts = [clip]
                for n in (1, max(1, len(names) // 10)):
                    gone = draw.choice(names, n, replace=False)
                    parts.append(~np.isin(recordings, gone))
                key = (whole, options.folds, seed)
                shares = [moved(kinds, recordings, kept, *key) for kept in parts]
                found.append([*shares, even])
        *shares, even = np.mean(found, axis=0)
        said = " | ".join(f"{share:.0%}" for share in shares)
        sys.stdout.write(f"| {path} | {len(names)} | {said} | {even:.2f} |\n")


if __name__ == "__main__":
    main()
