"""Inputs of the ISMIR 2023 study, in its published layout, as files of our stages."""

import ast
import json
import re
from pathlib import Path

import h5py
import numpy as np
import pandas as pd

from earshift import datasets, store
from earshift.stages.splits import draws

#: In the order of the study.
GENRES = ("pop_rock", "jazz_blue", "classical", "country_folk")
_IRMAS_GENRES = {"pop_roc": GENRES[0], "jaz_blu": GENRES[1], "cla": GENRES[2]}
_IRMAS_GENRES |= {"cou_fol": GENRES[3]}
_CODES = {
    "cel": "cello",
    "cla": "clarinet",
    "flu": "flute",
    "gac": "guitar",
    "gel": "guitar",
    "org": "organ",
    "pia": "piano",
    "sax": "saxophone",
    "tru": "trumpet",
    "vio": "violin",
    "voi": "voice",
}
CLASSES = sorted(set(_CODES.values()))


def write_domains(inputs, model, folder):
    """Write features, labels, splits, draws and classes of a study; return entries.

    Genres are by the map of the study, and clips without one are left out, as the study
    does. `inputs` holds ``embeddings.h5`` and ``data/``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tables = {"irmas": _irmas(inputs, model), "openmic": _openmic(inputs, model)}
    entries = []
    for name, (X, table) in tables.items():
        kept = table["subgroup"].isin(GENRES).to_numpy()
        X, table = X[kept], table[kept]
        entry = {"name": name, "features": str(folder / f"{name}.zarr")}
        entry |= {"labels": str(folder / f"{name}.labels.parquet")}
        entry |= {"splits": str(folder / f"{name}.parquet")}
        store.write_features(
            folder / f"{name}.zarr", [X], table["clip_id"].tolist(), X.shape[1], {}
        )
        table.drop(columns="test").to_parquet(entry["labels"])
        tested = table.loc[table["test"], ["clip_id"]]
        tested.assign(repeat=0, fold=0, tests=True).to_parquet(entry["splits"])
        entries.append(entry)
    draws.draw_balanced(
        {e["name"]: Path(e["labels"]) for e in entries},
        {e["name"]: Path(e["splits"]) for e in entries},
        balance="paper",
        subgroups=GENRES,
        seed=0,
        out=folder / "draws.parquet",
    )
    classes = pd.DataFrame({"class": CLASSES, "used": True})
    classes.to_csv(folder / "classes.csv", index=False)
    return entries


def _features(inputs, dataset, model):
    """Mean over frames of each key, sorted by key."""
    with h5py.File(inputs / "embeddings.h5") as file:
        frames = file[f"{dataset}/{model}/features"][:]
        keys = file[f"{dataset}/{model}/keys"][:]
    order = np.argsort(keys, kind="stable")
    names, starts, counts = np.unique(
        keys[order], return_index=True, return_counts=True
    )
    sums = np.add.reduceat(frames[order], starts, axis=0, dtype=np.float64)
    return (sums / counts[:, None]).astype(np.float32), names.astype(str)


def _lines(path):
    return {line.strip() for line in path.read_text().splitlines()}


def _irmas(inputs, model):
    X, keys = _features(inputs, "irmas", model)
    found = [re.findall(r"\[(\w+)\]", key) for key in keys]
    table = pd.DataFrame({"clip_id": keys, "status": "ok"})
    table["recording"] = [re.sub(r"__\d+$", "", key) for key in keys]
    table["subgroup"] = [_IRMAS_GENRES.get(parts[-1]) for parts in found]
    table["test"] = ~table["clip_id"].isin(
        _lines(inputs / "data/irmas/irmas_train.csv")
    )
    for name in CLASSES:
        has = [_CODES[parts[0]] == name for parts in found]
        table[datasets.LABEL + name] = pd.array(has, dtype="boolean")
    return X, table


def _openmic(inputs, model):
    X, keys = _features(inputs, "openmic", model)
    folder = inputs / "data/openmic-2018"
    with np.load(folder / "openmic-2018.npz", allow_pickle=True) as arrays:
        order = np.argsort(arrays["sample_key"].astype(str))
        likely, known = arrays["Y_true"][order] >= 0.5, arrays["Y_mask"][order]
    rows = pd.read_csv(
        folder / "openmic-2018-metadata.csv", dtype=str, keep_default_na=False
    )
    genres = dict(
        zip(rows["sample_key"], map(_genre, rows["track_genres"]), strict=True)
    )
    table = pd.DataFrame({"clip_id": keys, "recording": keys, "status": "ok"})
    table["subgroup"] = [genres[key] for key in keys]
    table["test"] = ~table["clip_id"].isin(_lines(folder / "openmic2018_train.csv"))
    columns = json.loads((folder / "class-map.json").read_text())
    for name in CLASSES:
        labels = pd.array(likely[:, columns[name]], dtype="boolean")
        labels[~known[:, columns[name]]] = pd.NA
        table[datasets.LABEL + name] = labels
    return X, table


def _genre(text):
    """The first genre that shares a word with the name of one of the four."""
    for genre in ast.literal_eval(text) if text else []:
        words = set(re.split("[^a-z]+", genre["genre_title"].lower()))
        for name in GENRES:
            if words & set(name.split("_")):
                return name
    return None
