"""How often intervals hold the truth, and how often a gap or effect is seen in vain.

    python benchmarks/coverage.py FOLDER [--repetitions 200] [--scenarios same,larger]
        [--processes 1] [--quick] [--check]

Two datasets are made up many times; each time the whole way from features to intervals
is gone: folds, samples, classifiers, a correction, training data drawn anew, resamples.
The results of each repetition are kept in FOLDER, and a run goes on where the last one
ended. The truth is that of new training data and new test data: 0 for gaps between
datasets of one distribution, otherwise the mean over repetitions, which is unbiased.
``--quick`` makes two small repetitions, to see that it works. ``--check`` fails if gaps
or changes surely break a promise, by more than two standard errors: more than 5 % of
gaps found in vain, or intervals that hold the truth less often than 93 %.
"""

import argparse
import json
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from earshift.debias import Method
from earshift.evaluation.domains import Domain
from earshift.evaluation.samples import ALL, EQUAL
from earshift.evaluation.training import Trainer
from earshift.evaluation.views import Split
from earshift.numerics import metrics
from earshift.numerics.grouped_folds import assign_folds
from earshift.stages.scores.folds import Work
from earshift.stages.scores.score_tables import ClipRows
from earshift.stages.statistics import gap_tables, resampling

PREVALENCES = (0.15, 0.25, 0.35)
METRICS = ("roc_auc", "balanced_accuracy", "brier")
N_FOLDS = N_INNER_FOLDS = 3


@dataclass(frozen=True)
class Scenario:
    """Two made-up datasets.

    Parameters
    ----------
    n_a, n_b : int
        Recordings of each.
    d : int
        Features.
    shift : float
        How far the means of the two lie apart, and share of the directions of classes
        that differ.
    strength : float
        How far clips with a class lie from those without.
    rarity : float
        What shares of clips with a class are multiplied by.
    """

    n_a: int
    n_b: int
    d: int = 24
    shift: float = 0.0
    strength: float = 2.0
    rarity: float = 1.0

    @property
    def has_no_gap(self) -> bool:
        """Whether both are of one distribution."""
        return self.shift == 0


SCENARIOS = {
    "same": Scenario(130, 130),
    "larger": Scenario(260, 65),
    "shifted": Scenario(130, 130, shift=0.3),
    "wide": Scenario(130, 130, d=128),
    "rare": Scenario(65, 65, rarity=0.6, strength=2.5),
}


def dataset(name, n, scenario, rng, directions, offset, n_repeats):
    """Return a made-up dataset of n recordings of one or two clips."""
    clips = rng.integers(1, 3, n)
    recording = np.repeat([f"{name}{i:04d}" for i in range(n)], clips)
    total = len(recording)
    member = np.repeat(np.arange(n), clips)
    share = np.array(PREVALENCES) * scenario.rarity
    labels = (rng.random((n, len(share))) < share)[member]
    X = rng.standard_normal((n, scenario.d))[member] * 0.7
    X = X + rng.standard_normal((total, scenario.d)) * 0.7
    X = X + labels @ directions + offset
    kinds = np.concatenate([labels, ~labels], axis=1)
    folds = np.stack(
        [assign_folds(kinds, recording, N_FOLDS, rng) for _ in range(n_repeats)]
    )
    return Domain(
        name,
        X,
        np.array([f"{name}{i:05d}" for i in range(total)]),
        recording,
        np.full(total, None, object),
        labels.astype(np.int8),
        folds,
        np.zeros((n_repeats, N_FOLDS, total), bool),
    )


def pair(scenario, seed, n_repeats):
    """Return two datasets; what they have in common is drawn anew for each pair."""
    rng = np.random.default_rng(seed)
    unit = rng.standard_normal((len(PREVALENCES), scenario.d))
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    other = rng.standard_normal(unit.shape)
    other /= np.linalg.norm(other, axis=1, keepdims=True)
    moved = np.sqrt(1 - scenario.shift**2) * unit + scenario.shift * other
    offset = scenario.shift * 3 * other[0]
    make = partial(dataset, scenario=scenario, rng=rng, n_repeats=n_repeats)
    strength = scenario.strength
    while True:
        made = [
            make("a", scenario.n_a, directions=strength * unit, offset=0),
            make("b", scenario.n_b, directions=strength * moved, offset=offset),
        ]
        if all(is_usable(domain) for domain in made):
            return made


def is_usable(domain):
    """Whether every class can be trained in every fold, as the workflow asks."""
    for folds in domain.folds:
        for fold in range(N_FOLDS):
            train = folds != fold
            for present in (domain.labels[train] == 1).T:
                own = domain.recording[train][present]
                if len(np.unique(own)) < N_INNER_FOLDS:
                    return False
    return True


def scored(domains, method, n_refits, seed):
    """Return the rows of all folds, as stage 5 writes them."""
    trainer = Trainer.of(
        {"plugin": "logistic", "C": [0.01, 0.1, 1], "n_inner_folds": N_INNER_FOLDS}
    )
    classes = [f"c{i}" for i in range(len(PREVALENCES))]
    clips = ClipRows()
    for repeat in range(len(domains[0].folds)):
        own = method.redrawn(repeat)
        for fold in range(N_FOLDS):
            work = Work(
                Split(domains, repeat, fold),
                classes,
                own,
                trainer,
                seed,
                (repeat, fold),
                classwise=False,
                balanced=False,
                is_first=False,
                shares=False,
                n_refits=n_refits,
            )
            for i, domain in enumerate(domains):
                key = {"method": method.name, "scope": "global", "train": domain.name}
                key |= {"class": None, "repeat": repeat, "fold": fold}
                work.source(i, [0, 1], classes, key, clips)
    return clips.table().assign(protocol="fixed", model="m", condition="clean")


def repetition(name, n_repeats, n_refits, n_resamples, number):
    """Return estimate, ends and standard error of each quantity of one pair."""
    scenario = SCENARIOS[name]
    domains = pair(scenario, [number, list(SCENARIOS).index(name)], n_repeats)
    methods = Method.of_all({m: {"plugin": m} for m in ("none", "mean_projection")})
    rows = pd.concat([scored(domains, m, n_refits, number) for m in methods.values()])
    words = [*resampling.GROUP, "class", "clip_id", "recording"]
    rows = rows.astype(dict.fromkeys(words, "category"))
    rows = rows[rows["sample"].isin([ALL, EQUAL])]
    groups = list(resampling.groups(rows, n_resamples, number))
    by_name = {tuple(g.named.values()): g for g in groups}
    out = []
    for group in groups:
        where = {k: group.named[k] for k in ("method", "train", "test")}
        for metric in (metrics.metric(m) for m in METRICS):
            if group.named["sample"] == ALL:
                curve = group.curves[metric.name]
                kind = "within" if where["train"] == where["test"] else "across"
                out.append(row_of(where, kind, metric, curve, metric.link))
                plain = by_name[tuple((group.named | {"method": "none"}).values())]
                if where["method"] != "none":
                    change = curve - plain.curves[metric.name]
                    out.append(row_of(where, f"change {kind}", metric, change))
            elif where["train"] != where["test"]:
                home = group.named | {"train": where["test"], "partner": where["train"]}
                within = by_name[tuple(home.values())]
                pair_of = (within.curves[metric.name], group.curves[metric.name])
                gap = gap_tables.loss(*pair_of, metric)
                out.append(row_of(where, "gap", metric, gap))
    return out


def row_of(where, kind, metric, curve, link="identity"):
    """Return one estimate, with all parts of its standard error."""
    estimate = curve.mean()
    low, high = estimate.interval(0.05, link)
    parts = dict(zip(("test", "train", "repeats"), estimate.variances, strict=False))
    errors = {f"se_{name}": float(np.sqrt(v)) for name, (v, _) in parts.items()}
    return (
        where
        | {"kind": kind, "metric": metric.name, "value": estimate.value}
        | {"low": low, "high": high, "p": estimate.p_value(), "df": estimate.df}
        | {"se": estimate.se}
        | errors
    )


def one(folder, name, options, number):
    """Make one repetition, unless it is there."""
    file = folder / f"{name}-{number:04d}.json"
    if not file.exists():
        part = file.with_suffix(".part")
        part.write_text(json.dumps(repetition(name, *options, number)))
        part.replace(file)
    return json.loads(file.read_text())


def table(name, repetitions):
    """Return coverage and false positives of a scenario, with standard errors."""
    rows = pd.concat([pd.DataFrame(r).assign(rep=i) for i, r in enumerate(repetitions)])
    out = []
    for (metric, kind), part in rows.groupby(["metric", "kind"]):
        keys = ["method", "train", "test"]
        truth = part.groupby(keys)["value"].transform("mean")
        if kind == "gap" and SCENARIOS[name].has_no_gap:
            truth = 0.0
        held = part["low"].le(truth) & part["high"].ge(truth)
        by_rep = held.groupby(part["rep"]).mean()
        se = by_rep.std(ddof=1) / np.sqrt(len(by_rep))
        spread = part.groupby(keys)["value"].std(ddof=1).mean()
        line = {"scenario": name, "metric": metric, "kind": kind, "n": len(by_rep)}
        line |= {"coverage": held.mean(), "+-": se, "sd": spread}
        line |= {c: part[c].mean() for c in part if c.startswith("se")}
        if kind == "gap" and SCENARIOS[name].has_no_gap:
            found = part["p"].lt(0.05).groupby(part["rep"]).mean()
            line["p < .05"] = found.mean()
            line["+- p"] = found.std(ddof=1) / np.sqrt(len(found))
        out.append(line)
    return pd.DataFrame(out)


def broken(shown):
    """Return the lines of the table that break a promise by more than chance."""
    promised = shown["kind"].isin(["gap", "change within", "change across"])
    short = promised & (shown["coverage"] + 2 * shown["+-"] < 0.93)
    return shown[short | (shown["p < .05"] - 2 * shown["+- p"] > 0.05)]


def main():
    """Make repetitions, and print a table of them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--repetitions", type=int, default=200)
    parser.add_argument("--scenarios", default=",".join(SCENARIOS))
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--check", action="store_true")
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    options = (2, 4, 199) if asked.quick else (5, 20, 400)
    n = 2 if asked.quick else asked.repetitions
    shown = []
    for name in asked.scenarios.split(","):
        make = partial(one, asked.folder, name, options)
        with ProcessPoolExecutor(asked.processes) as pool:
            done = []
            for result in pool.map(make, range(n)):
                done.append(result)
                sys.stderr.write(f"\r{name}: {len(done)}/{n}")
        shown.append(table(name, done))
    whole = pd.concat(shown, ignore_index=True)
    with pd.option_context("display.width", 200, "display.max_columns", 20):
        sys.stdout.write(whole.round(3).to_string(index=False) + "\n")
    if asked.check and len(wrong := broken(whole)):
        sys.exit("Promises that are broken:\n" + wrong.round(3).to_string(index=False))


if __name__ == "__main__":
    main()
