"""How long the scorecard of two collections takes, and what drawing training data adds.

    python benchmarks/scorecard.py [--data FILE.npz] [--quick]

FILE holds X, y, domain and recording, as `earshift.load_features` gives them; without
it two collections of 180 and 212 clips, six classes and 1024 features are made up. The
scorecard has the methods none, standardise and adapt, five folds and five repeats.
Printed: draws of training data, seconds of the processor, seconds, and how many times
the processor's seconds of the first row. ``--quick`` takes 60 clips, 16 features, three
folds and two repeats, to see that it works.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np

from earshift.scorecards import scorecard

METHODS = ("none", "standardise", "adapt")
N_REFITS = (0, 20)


def made_up(n_features, sizes, n_classes, rng):
    """Return features, labels, datasets and recordings of two shifted collections."""
    domain = np.repeat(["a", "b"], sizes)
    y = np.concatenate([np.arange(n) % n_classes for n in sizes])
    centres = rng.standard_normal((n_classes, n_features)) * 6 / np.sqrt(n_features)
    X = rng.standard_normal((len(y), n_features)) + centres[y]
    X[domain == "b"] += 3 * rng.standard_normal(n_features) / np.sqrt(n_features)
    recording = np.char.add(domain, (np.arange(len(y)) // 2).astype(str))
    return X, y, domain, recording


def main():
    """Make the scorecard with and without draws of training data."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path)
    parser.add_argument("--quick", action="store_true")
    asked = parser.parse_args()
    rng = np.random.default_rng(0)
    options = {"methods": METHODS, "n_folds": 5, "n_repeats": 5}
    if asked.quick:
        data = made_up(16, (60, 60), 2, rng)
        options |= {"n_folds": 3, "n_repeats": 2, "n_resamples": 99, "C": [0.1]}
    elif asked.data:
        held = np.load(asked.data)
        data = [held[name] for name in ("X", "y", "domain", "recording")]
    else:
        data = made_up(1024, (180, 212), 6, rng)
    sys.stdout.write("draws  CPU seconds  seconds  times\n")
    first = None
    for n_refits in N_REFITS:
        start, used = time.perf_counter(), time.process_time()
        scorecard(*data, n_refits=n_refits, **options)
        used = time.process_time() - used
        first = first or used
        wall = time.perf_counter() - start
        sys.stdout.write(f"{n_refits}  {used:.1f}  {wall:.1f}  {used / first:.2f}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
