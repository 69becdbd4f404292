"""How often two datasets of one distribution are called different by their domain AUC.

    python benchmarks/chance.py [--repetitions 150] [--processes 1] [--quick]

Two datasets are made up many times, with nothing between them. Each pair goes the way
of stages 6 and 7: three halvings by recording, both halves measured, recordings
resampled 1000 times, a one-sided p-value. "detected" is how often that is at most 0.05,
with the standard error of the share; "unwidened" the same, were resamples not spread by
the square root of two (`inference.AT_CHANCE`). "value" is the mean AUC, with the
standard deviation over pairs. ``--quick`` makes two repetitions, to see that it works.
"""

import argparse
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd

from earshift.evaluation.domains import Domain
from earshift.stages.discrepancy.curves import curves, is_detected
from earshift.stages.discrepancy.halves import MAX_CLIPS, N_REPEATS, draw_clips, halve
from earshift.stages.discrepancy.pair import Side, measure_pair
from earshift.stages.discrepancy.sizes import standardised

#: Recordings of each half, and clips of a recording.
SIZES = ((50, 2), (12, 3))
N_FEATURES = 64
MEASURES = ("domain_auc_linear", "domain_auc_nonlinear")
N_RESAMPLES = 1000
CONFIDENCE = 0.95


def dataset(name, n_recordings, n_clips, rng):
    """Return a dataset without classes; half of the variance is between recordings."""
    n = n_recordings * n_clips
    own = np.repeat(rng.standard_normal((n_recordings, N_FEATURES)), n_clips, axis=0)
    recordings = [f"{name}{i:03d}" for i in range(n_recordings)]
    return Domain(
        name,
        (own + rng.standard_normal((n, N_FEATURES))) / np.sqrt(2),
        np.array([f"{name}{i:04d}" for i in range(n)]),
        np.repeat(recordings, n_clips),
        np.full(n, None, object),
        np.empty((n, 0), np.int8),
        np.zeros((1, n), np.int64),
        np.zeros((1, 1, n), bool),
    )


def measured(pair, seed):
    """Yield what stage 6 writes of a pair of datasets without any method."""
    for repeat in range(N_REPEATS):
        halves = halve(pair, seed, repeat)
        n = min(np.bincount(half, minlength=2).min() for half in halves)
        for fold in (0, 1):
            train = draw_clips(pair, halves, (seed, repeat, 1 - fold), MAX_CLIPS)
            test = draw_clips(pair, halves, (seed, repeat, fold), n)
            parts = zip(pair, test, standardised(pair, train), strict=True)
            sides = [Side.of(d, chosen, X[chosen]) for d, chosen, X in parts]
            for name in MEASURES:
                key = {"model": "m", "condition": "clean", "a": "a", "b": "b"}
                key |= {"measure": name, "method": "none"}
                rng = np.random.default_rng([seed, repeat, fold])
                rows = measure_pair({"plugin": name}, *sides, rng, key)
                yield rows.assign(repeat=repeat, fold=fold)


def repetition(size, number):
    """Return for each measure its value, and whether it finds a difference."""
    n_recordings, n_clips = size
    rng = np.random.default_rng([*size, number])
    pair = [dataset(name, 2 * n_recordings, n_clips, rng) for name in "ab"]
    rows = pd.concat(measured(pair, number), ignore_index=True)
    out = {}
    for (*_, measure, _), curve in curves(rows, N_RESAMPLES, number):
        p, narrow = (
            each.p_value("lower", 0.5) for each in (curve, replace(curve, spread=1.0))
        )
        found = [is_detected(each, CONFIDENCE) for each in (p, narrow)]
        out[measure] = (curve.value, *found)
    return out


def line(size, measure, results):
    """Return one line of the table: shares of all repetitions, in per cent."""
    value, *found = np.array([result[measure] for result in results], float).T
    shares = [100 * each.mean() for each in found]
    errors = [np.sqrt(share * (100 - share) / len(value)) for share in shares]
    cells = [
        f"{share:6.1f} % +- {error:4.1f}"
        for share, error in zip(shares, errors, strict=True)
    ]
    return (
        f"{size[0]:10d} {size[1]:5d}   {measure:22s} {len(value):5d}   "
        f"{'   '.join(cells)}   {value.mean():.3f} +- {value.std(ddof=1):.3f}\n"
    )


def main():
    """Print a line for each size and measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=150)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--quick", action="store_true")
    asked = parser.parse_args()
    n = 2 if asked.quick else asked.repetitions
    sys.stdout.write(
        "recordings clips   measure                  n        detected        "
        "unwidened           value\n"
    )
    for size in SIZES:
        with ProcessPoolExecutor(asked.processes) as pool:
            results = list(pool.map(partial(repetition, size), range(n)))
        for measure in MEASURES:
            sys.stdout.write(line(size, measure, results))
            sys.stdout.flush()


if __name__ == "__main__":
    main()
