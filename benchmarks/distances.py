"""Seconds and memory that distances between two datasets take.

    python benchmarks/distances.py [--clips 20000] [--features 1024]
        [--clips-per-recording 4] [--measures mmd,energy_distance,sliced_wasserstein]
        [--frequencies 512]

Two made-up datasets of so many clips each, whose means differ by a fifth of the spread
of clips, are measured with all draws. "seconds" is wall clock, "CPU" the seconds of the
process in which the measure runs; "MB" is its most memory, and "features" what of it
the features take, in float32, as they are given. "value", "null" and "p" are what it
finds. With ``--frequencies``, `mmd` takes so many in place of pairs of clips.
"""

import argparse
import multiprocessing
import resource
import sys
import time

import numpy as np

from earshift import registry

MEASURES = ("mmd", "energy_distance", "sliced_wasserstein")


def dataset(shift, n_clips, n_features, n_each, rng):
    """Return features, half of their variance between recordings, and recordings."""
    member = np.arange(n_clips) // n_each
    own = rng.standard_normal((member[-1] + 1, n_features), np.float32)[member]
    X = rng.standard_normal((n_clips, n_features), np.float32)
    X += own
    X *= np.float32(0.5**0.5)
    X += np.float32(shift)
    return X, member.astype(str)


def measured(name, n_clips, n_features, n_each, options):
    """Return the figures of one line."""
    rng = np.random.default_rng(0)
    X_a, recordings_a = dataset(0.0, n_clips, n_features, n_each, rng)
    X_b, recordings_b = dataset(0.2, n_clips, n_features, n_each, rng)
    start = time.perf_counter(), time.process_time()
    found = registry.load("discrepancy", name).measure(
        X_a,
        X_b,
        recordings_a=recordings_a,
        recordings_b=recordings_b,
        rng=rng,
        **options,
    )
    seconds = time.perf_counter() - start[0], time.process_time() - start[1]
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    p = (np.sum(found.null >= found.value) + 1) / (len(found.null) + 1)
    size = (X_a.nbytes + X_b.nbytes) / 2**20
    return *seconds, most, size, found.value, found.null.mean(), p


def main():
    """Print one line per measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=int, default=20_000)
    parser.add_argument("--features", type=int, default=1024)
    parser.add_argument("--clips-per-recording", type=int, default=4)
    parser.add_argument("--measures", default=",".join(MEASURES))
    parser.add_argument("--frequencies", type=int)
    asked = parser.parse_args()
    size = (asked.clips, asked.features, asked.clips_per_recording)
    sys.stdout.write(
        "measure               clips  features   seconds       CPU       MB  features"
        "      value       null       p\n"
    )
    for name in asked.measures.split(","):
        options = {"n_frequencies": asked.frequencies} if name == "mmd" else {}
        # A process of its own, whose memory is that of this measure.
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            *spent, value, null, p = pool.apply(measured, (name, *size, options))
        seconds, cpu, *memory = spent
        sys.stdout.write(
            f"{name:20s} {asked.clips:6d} {asked.features:9d} {seconds:9.1f} "
            f"{cpu:9.1f} {memory[0]:8.0f} {memory[1]:9.0f} "
            f"{value:10.4g} {null:10.4g} {p:7.3f}\n"
        )
        sys.stdout.flush()


if __name__ == "__main__":
    main()
