"""Time the ISMIR 2023 study as published against the original code, in CPU seconds.

    python benchmarks/study.py INPUTS [--models vggish openl3 yamnet] [--quick]

INPUTS is a folder in the published layout (``embeddings.h5``, ``data/``). Seconds of
the original are for one core and one scope: ten classes, four pairs of datasets. They
are missing where it was too slow to finish. The twelve cells are six methods and two
scopes; "loading" covers features, labels and draws. The last row is the protocol
``fixed`` on the same draws. Instead of the original it compares the cells one by one
with all cells in one run, which share scalers, maps and products of clips. ``--quick``
leaves out single methods, the runs with workers, and that row.
"""

import argparse
import os
import sys
import tempfile
import time
from itertools import product
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from earshift.evaluation.protocol import study_of
from earshift.stages.scores import cross_validation
from earshift.studies.ismir2023 import numerics
from tests.helpers import study

METHODS = ("none", "lda", "mlda", "k", "klda", "mklda")
SCOPES = ("global", "classwise")
LOADING = {"vggish": 20.0}
ORIGINAL = {
    "vggish": dict(zip(METHODS, (12.6, 13.6, 14.4, 41.0, 72.0, 104.0), strict=True)),
    "openl3": {"none": 25.0, "lda": 32.0, "mlda": 39.0, "k": 164.0},
    "yamnet": {"none": 34.0, "lda": 69.0, "mlda": 102.0},
}


def spent(function):
    """Return CPU seconds of this process and those it started, seconds, the result."""
    before, start = os.times(), time.perf_counter()
    result = function()
    seconds, after = time.perf_counter() - start, os.times()
    # The last of the five is the time of day.
    return sum(after[:4]) - sum(before[:4]), seconds, result


def score(folder, entries, model, methods, scopes, n_workers=0, protocol="paper"):
    """Run a protocol on the given cells, from nothing."""
    with tempfile.TemporaryDirectory(dir=folder) as out:
        cross_validation.cross_validate(
            model=model,
            condition="clean",
            entries=entries,
            classes=folder / "classes.csv",
            draws=folder / "draws.parquet",
            methods={name: {"plugin": name} for name in methods},
            scopes=scopes,
            protocol=study_of("ismir2023").protocol(protocol),
            classifier={
                "plugin": "logistic",
                "C": numerics.GRID,
                "n_inner_folds": numerics.PAPER_INNER_FOLDS,
            },
            seed=0,
            n_workers=n_workers,
            parts=Path(out) / "parts",
            clip_scores=Path(out) / "clips.parquet",
            scores=Path(out) / "scores.csv",
            directions=Path(out) / "directions.parquet",
        )


def fixed(folder, entries, model, methods, scopes):
    """Return what `spent` does of cells of the protocol ``fixed``."""
    return spent(
        lambda: score(folder, entries, model, methods, scopes, protocol="fixed")
    )


def row(*cells):
    """Print a row of the table."""
    model, what, *numbers = cells
    words = [f"{n:>10.1f}" if isinstance(n, float) else f"{n:>10}" for n in numbers]
    sys.stdout.write(f"{model:8} {what:24}{''.join(words)}\n")
    sys.stdout.flush()


def measure(inputs, model, folder, quick):
    """Print the rows of one model."""
    original, theirs = ORIGINAL[model], LOADING.get(model, "-")
    loading, wall, entries = spent(lambda: study.write_domains(inputs, model, folder))
    row(model, "loading", theirs, loading, ratio(theirs, loading), wall)
    for name in [] if quick else METHODS:
        cpu, wall, _ = spent(
            lambda n=name: score(folder, entries, model, [n], ["global"])
        )
        theirs = original.get(name, "-")
        row(model, f"{name} alone, global", theirs, cpu, ratio(theirs, cpu), wall)
    cpu, wall, _ = spent(lambda: score(folder, entries, model, METHODS, SCOPES))
    whole = len(original) == len(METHODS)
    theirs = LOADING[model] + len(SCOPES) * sum(original.values()) if whole else "-"
    row(
        model,
        "all 12 cells, loading",
        theirs,
        cpu + loading,
        ratio(theirs, cpu + loading),
        wall,
    )
    for n_workers in [] if quick else (1, 2):
        cpu, wall, _ = spent(
            lambda n=n_workers: score(folder, entries, model, METHODS, SCOPES, n)
        )
        row(model, f"12 cells, {n_workers} worker(s)", "", cpu, "", wall)
    if not quick:
        apart = 0.0
        for name, scope in product(METHODS, SCOPES):
            # These methods use one dataset, and give the same in both scopes.
            if (name, scope) not in (("none", "classwise"), ("k", "classwise")):
                apart += fixed(folder, entries, model, [name], [scope])[0]
        cpu, wall, _ = fixed(folder, entries, model, METHODS, SCOPES)
        row(model, "fixed, apart, together", apart, cpu, ratio(apart, cpu), wall)


def ratio(theirs, ours):
    """Return how many times faster ours is, if the original finished."""
    return theirs / ours if isinstance(theirs, float) else "-"


def main() -> None:
    """Print CPU seconds of the original and ours, and their ratio; then our time."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("inputs", type=Path)
    parser.add_argument("--models", nargs="+", default=["vggish"], choices=ORIGINAL)
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    row("model", "what", "original", "ours", "ratio", "wall")
    for model in options.models:
        with tempfile.TemporaryDirectory() as folder:
            measure(options.inputs, model, Path(folder), options.quick)


if __name__ == "__main__":
    main()
