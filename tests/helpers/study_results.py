"""Result folders of a study with two protocols, for tests of its tables and figures."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd

from earshift.studies.ismir2023 import published
from tests.helpers.report_tables import ALIKE, write_results

PROTOCOLS = ("paper", "fixed")
MODELS = ("vggish", "openl3")
METHODS = ("none", "lda", "mlda", "k", "klda", "mklda")
SCOPES = ("global", "classwise")
DATASETS = ("irmas", "openmic")
GENRES = ("pop_rock", "jazz_blue", "classical", "country_folk")
CLASSES = tuple(published.results()["class"].unique())

#: What protocol fixed scores above the published value, which paper has.
FIXED_GAIN = 0.01

#: Change that the deviations give to each fault, across datasets.
FAULTS = {
    "one_class_lda": 0.02,
    "unshuffled_folds": -0.001,
    "all (protocol fixed)": 0.03,
}


def write_study(folder: Path) -> Path:
    """Write what the study's tables, figures and section read."""
    names = {"datasets": DATASETS, "models": MODELS, "methods": METHODS}
    write_results(folder, **names, scopes=SCOPES, classes=CLASSES)
    tables = folder / "tables"
    scores = _scores()
    scores.to_csv(tables / "scores.csv", index=False)
    for name in ("summary", "gaps"):
        own = pd.read_csv(tables / f"{name}.csv")
        own = pd.concat([own.assign(protocol=p) for p in PROTOCOLS])
        if name == "summary":
            own = _with_values(own, scores[scores["sample"].eq("all")])
        else:
            own = _with_shares(own)
        own.to_csv(tables / f"{name}.csv", index=False)
    _deviations(scores).to_csv(tables / "deviations.csv", index=False)
    _write_clips(folder)
    _write_directions(folder)
    return folder


def _scores() -> pd.DataFrame:
    """Paper as published; fixed with two repeats about the published value."""
    found = published.results()
    found = found[found["model"].isin(MODELS)].assign(condition="clean", repeat=0)
    parts = [found.assign(protocol="paper")]
    for repeat, spread in enumerate((-0.002, 0.002)):
        fixed = found.assign(protocol="fixed", repeat=repeat)
        fixed["roc_auc"] += FIXED_GAIN + spread
        parts.append(fixed)
    found = pd.concat(parts, ignore_index=True).assign(n_test=500)
    return pd.concat([found.assign(sample=s) for s in ("all", "equal")])


def _with_values(summary: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    """Give the summary the means and changes of the scores; add rows against k."""
    keys = ["protocol", "model", "condition", "method", "scope", "train", "test"]
    mean = scores.groupby(keys)["roc_auc"].mean()
    summary = summary.drop(columns=["change", "change_low", "change_high"])
    summary = summary[summary["metric"].eq("roc_auc")]
    value = mean.loc[pd.MultiIndex.from_frame(summary[keys])].to_numpy()
    summary = summary.assign(value=value, low=value - 0.01, high=value + 0.01)
    kernel = summary[summary["method"].isin(["klda", "mklda"])].assign(reference="k")
    summary = pd.concat([summary, kernel], ignore_index=True)
    plain = summary[keys].assign(method=summary["reference"].fillna("none"))
    plain = mean.loc[pd.MultiIndex.from_frame(plain)].to_numpy()
    change = (summary["value"] - plain).where(summary["method"].ne("none"))
    values = {"change": change, "change_low": change - 0.01}
    return summary.assign(**values, change_high=change + 0.01, t=1.0, p_t=0.3)


def _with_shares(gaps: pd.DataFrame) -> pd.DataFrame:
    """Two methods recover a share of the gaps of fixed, from irmas to openmic."""
    shares = ["recovered", "recovered_low", "recovered_high"]
    gaps.loc[gaps["method"].ne("none"), shares] = [0.01, -0.02, 0.04]
    cell = gaps["protocol"].eq("fixed") & gaps["train"].eq("irmas")
    for scope, share in (("global", 0.06), ("classwise", 0.08)):
        own = cell & gaps["method"].eq("mlda") & gaps["scope"].eq(scope)
        gaps.loc[own, shares] = [share, share - 0.05, share + 0.05]
    return gaps


def _deviations(scores: pd.DataFrame) -> pd.DataFrame:
    keys = ["model", "method", "scope", "train", "test"]
    paper = scores[scores["protocol"].eq("paper") & scores["sample"].eq("all")]
    mean = paper.groupby(keys, sort=False)["roc_auc"].mean().reset_index()
    mean = mean[~mean["method"].isin(ALIKE) | mean["scope"].eq(SCOPES[0])]
    across = mean["train"].ne(mean["test"])
    parts = [
        mean.assign(
            fault=fault,
            # Of the first fault, one class is left out.
            n_classes=len(CLASSES) - (fault == "one_class_lda"),
            roc_auc=mean["roc_auc"] + change * across,
            change=change * across,
        )
        for fault, change in FAULTS.items()
    ]
    return pd.concat(parts)[["fault", *keys, "n_classes", "roc_auc", "change"]]


def _write_clips(folder: Path) -> None:
    """40 clips a dataset and genre, half of them to train; 1 in 5 of no genre."""
    splits = folder / "4_splits"
    drawn = []
    for name in DATASETS:
        n = 200
        genres = np.array([*GENRES, None], dtype=object)[np.arange(n) % 5]
        clips = pd.DataFrame({"clip_id": [f"{name}{i:03}" for i in range(n)]})
        clips["recording"] = clips["clip_id"]
        clips["split"] = np.where(np.arange(n) < n // 2, "train", "test")
        clips["subgroup"] = genres
        # By the map of the paper, one genre more is unknown in openmic.
        lost = (genres == "country_folk") & (name == "openmic")
        clips["subgroup_paper"] = np.where(lost, None, genres)
        for i, c in enumerate(CLASSES):
            clips[f"label:{c}"] = pd.array(np.arange(n) // 5 % 10 == i, dtype="boolean")
        whole = pd.read_parquet(folder / "1_clips" / f"{name}.parquet").iloc[:1]
        facts = whole[[c for c in whole if c not in clips.columns]]
        facts = pd.concat([facts] * n, ignore_index=True)
        clips.join(facts).to_parquet(folder / "1_clips" / f"{name}.parquet")
        clips[clips["subgroup"].notna()].to_parquet(splits / f"{name}.labels.parquet")
        for protocol in PROTOCOLS:
            by = "subgroup_paper" if protocol == "paper" else "subgroup"
            own = clips[clips[by].notna()].assign(subgroup=clips[by])
            own = own.drop(columns="subgroup_paper")
            (splits / protocol).mkdir(exist_ok=True)
            own.to_parquet(splits / protocol / f"{name}.labels.parquet")
            tests = own.loc[own["split"].eq("test"), ["clip_id"]]
            n_repeats = 1 if protocol == "paper" else 2
            folds = [tests.assign(repeat=r, fold=0) for r in range(n_repeats)]
            pd.concat(folds).to_parquet(splits / protocol / f"{name}.parquet")
            drawn += _draws(protocol, name, own, n_repeats)
    for protocol in PROTOCOLS:
        rows = pd.concat([part for p, part in drawn if p == protocol])
        rows.to_parquet(splits / f"draws.{protocol}.parquet")


def _draws(
    protocol: str, name: str, own: pd.DataFrame, n_repeats: int
) -> list[tuple[str, pd.DataFrame]]:
    """Every other training clip is drawn, with the class and without it."""
    train = own[own["split"].eq("train")]
    out = []
    for repeat, c in product(range(n_repeats), CLASSES):
        for present in (True, False):
            ids = train.loc[train[f"label:{c}"].eq(present), "clip_id"].iloc[::2]
            rows = pd.DataFrame({"clip_id": ids, "repeat": repeat, "fold": 0})
            out.append((protocol, rows.assign(**{"class": c, "dataset": name})))
    return out


def _write_directions(folder: Path) -> None:
    """Directions of length 2; the classifier's has a cosine of 0.6 with lda's."""
    e = np.eye(8, dtype=np.float32)
    for protocol, model in product(PROTOCOLS, MODELS):
        base = {"protocol": protocol, "model": model, "condition": "clean"}
        base |= {"repeat": 0, "fold": 0}
        rows = []
        for scope, c in product(SCOPES, CLASSES):
            key = base | {"scope": scope, "class": c}
            for method in ("lda", "klda"):
                own = {"method": method, "kind": "dataset", "vector": 2 * e[0]}
                rows.append(key | own | {"n_clips_a": 20, "n_clips_b": 20})
            for method, train in product(("none", "k"), DATASETS):
                own = {"method": method, "kind": "class", "train": train, "C": 1.0}
                rows.append(key | own | {"vector": 6 * e[0] + 8 * e[1]})
            for method, (i, genre) in product(("mlda", "mklda"), enumerate(GENRES)):
                # The last genre of kernel features adds nothing new.
                vector = e[i] if method == "mlda" or i < 3 else 3 * e[0]
                own = {"method": method, "kind": "dataset", "subgroup": genre}
                rows.append(key | own | {"vector": vector, "n_clips_a": 5})
        out = folder / "5_scores" / protocol / model
        out.mkdir(parents=True)
        pd.DataFrame(rows).to_parquet(out / "clean.directions.parquet")
