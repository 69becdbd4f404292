"""Embeddings that were made elsewhere, with and without the audio."""

import json
import shutil
import subprocess
import sys

import h5py
import numpy as np
import pandas as pd
import pytest
import yaml

from earshift import open_embeddings, open_features, store
from tests.helpers.places import ROOT
from tests.helpers.workflow import environment, run

pytestmark = [pytest.mark.workflow, pytest.mark.timeout(1800)]

CLASSES = ["cello", "voice"]
N_OPENMIC = 240

#: Titles of genres, and the subgroup of each by the map of the study.
TITLES = {
    "Rock": "pop_rock",
    "Jazz": "jazz_blue",
    "Blues": None,
    "Folk": "country_folk",
}


def write_openmic(folder):
    """Labels in the official layout, and no audio; return keys and the labels."""
    (folder / "partitions").mkdir(parents=True)
    rng = np.random.default_rng(0)
    track = np.repeat(np.arange(N_OPENMIC // 2), 2)
    keys = [f"{t:06d}_{i}" for i, t in enumerate(track)]
    present = rng.random((N_OPENMIC, 2)) < 0.5
    np.savez(
        folder / "openmic-2018.npz",
        Y_true=present.astype(float),
        Y_mask=np.ones((N_OPENMIC, 2), bool),
        sample_key=np.array(keys, object),
    )
    classes = {name: i for i, name in enumerate(CLASSES)}
    (folder / "class-map.json").write_text(json.dumps(classes))
    titles = np.array(list(TITLES))[track % len(TITLES)]
    genres = [str([{"genre_title": str(title)}]) for title in titles]
    metadata = pd.DataFrame({"sample_key": keys, "track_genres": genres})
    metadata.to_csv(folder / "openmic-2018-metadata.csv", index=False)
    for side, test in (("train", False), ("test", True)):
        own = [k for k, t in zip(keys, track, strict=True) if (t % 3 == 0) == test]
        (folder / f"partitions/split01_{side}.csv").write_text("\n".join(own) + "\n")
    return keys, present


def write_study(folder):
    """The study's inputs, small: two frames for OpenMIC-2018, one for IRMAS."""
    keys, present = write_openmic(folder / "openmic-2018")
    rng = np.random.default_rng(1)
    listed = pd.read_csv(ROOT / "resources" / "irmas_split.csv")["clip"]
    codes = listed.str.extract(r"\[(\w{3})\]")[0]
    own = np.stack([codes == "cel", codes == "voi"], axis=1)
    with h5py.File(folder / "embeddings.h5", "w") as held:
        for name, clips, labels, n in (
            ("irmas", listed.tolist()[3:], own[3:], 1),
            ("openmic", [*keys, "unlabelled"], np.r_[present, [[True, True]]], 2),
        ):
            X = rng.standard_normal((len(clips), 4))
            X[:, :2] += labels
            held[f"{name}/net/features"] = np.repeat(X, n, axis=0).astype(np.float32)
            held[f"{name}/net/keys"] = np.repeat(np.array(clips, "S"), n)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    write_study(folder)
    config = {
        "results": "results",
        "datasets": {
            "irmas": {"audio": False},
            "openmic": {"folder": "openmic-2018", "audio": False, "genres": "paper"},
        },
        "models": {
            "vggish": {"plugin": "imported", "file": "embeddings.h5", "name": "net"}
        },
        "methods": ["none", "lda"],
        "alignment": "alignment.yaml",
        "splits": {"kind": "official"},
        "subgroups": ["pop_rock", "jazz_blue", "classical", "country_folk"],
        "classifier": {"C": [0.1]},
        "discrepancy": ["domain_auc_linear"],
        "statistics": {"n_resamples": 199, "n_refits": 4},
    }
    (folder / "experiment.yaml").write_text(yaml.safe_dump(config))
    shared = {c: {"irmas": c, "openmic": c} for c in CLASSES}
    (folder / "alignment.yaml").write_text(yaml.safe_dump({"classes": shared}))
    done = run(folder)
    assert done.returncode == 0, done.stderr[-3000:]
    return folder, done


def test_the_studys_layout_runs_without_audio_to_the_report(study):
    folder, done = study
    assert "vectors of 1 clips that the dataset 'openmic' does not have" in done.stderr
    scores = pd.read_csv(folder / "results/tables/scores.csv")
    scores = scores[scores["sample"].eq("all")]
    assert len(scores) == 2 * 4 * 2
    irmas = scores[scores["test"] == "irmas"].groupby("class").first()
    assert (irmas["n_test"] == 1666).all()
    assert irmas["n_positive"].to_dict() == {"cello": 94, "voice": 191}
    openmic = scores[scores["test"] == "openmic"]
    assert (openmic["n_test"] == 60).all()  # 40 tracks of 2 clips, less those of Blues
    page = (folder / "results/report.html").read_text(encoding="utf-8")
    facts = store.attributes(folder / "results/3_features/irmas/vggish/clean.zarr")
    assert f"imported from embeddings.h5, {facts['imported']['sha256']}" in page
    assert "audio not at hand" in page
    assert "missing: no vector of it" in page


def test_an_imported_store_is_like_any_other(study):
    folder, _ = study
    home = folder / "results/2_embeddings/irmas/vggish"
    assert {file.name for file in home.iterdir()} == {
        ".settings",
        "clean.zarr",
        "clean.plan.json",
        "clean.owner.json",
        "clean.index.parquet",
    }
    index = pd.read_parquet(home / "clean.index.parquet")
    assert index["status"].value_counts().to_dict() == {"ok": 6702, "no_frames": 3}
    table = folder / "results/1_clips/irmas.parquet"
    frames = open_embeddings(home / "clean.zarr", table, label="cello", split="test")
    assert len(set(frames.clip_id.values)) == 94


def test_a_second_run_imports_nothing_and_a_changed_file_does(study):
    folder, _ = study
    done = run(folder)
    assert "Nothing to be done" in done.stderr + done.stdout
    (folder / "embeddings.h5").touch()
    with h5py.File(folder / "embeddings.h5", "a") as held:
        held["irmas/net/features"][0] += 1
    done = run(folder, "-n")
    plan = done.stdout + done.stderr
    assert "rule import_embeddings:" in plan
    assert "rule list_clips:" not in plan


def test_what_was_exported_and_imported_again_is_the_same(finished, tmp_path):
    folder = tmp_path / "again"
    shutil.copytree(finished[0], folder)
    stores = [
        f"results/2_embeddings/{name}/mfcc/clean.zarr" for name in ("clear", "hum")
    ]
    command = [sys.executable, "-m", "earshift.export", *stores, "all.h5"]
    subprocess.run(command, cwd=folder, env=environment(), check=True, timeout=200)
    config = yaml.safe_load((folder / "experiment.yaml").read_text())
    config["models"]["again"] = {"plugin": "imported", "file": "all.h5", "name": "mfcc"}
    (folder / "experiment.yaml").write_text(yaml.safe_dump(config))
    wanted = [
        f"results/3_features/{name}/again/clean.zarr" for name in ("clear", "hum")
    ]
    done = run(folder, *wanted)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "rule extract_embeddings:" not in done.stderr
    for name in ("clear", "hum"):
        paths = [
            folder / f"results/{{}}/{name}/{m}/clean.zarr" for m in ("mfcc", "again")
        ]
        for stage, open_ in (
            ("2_embeddings", open_embeddings),
            ("3_features", open_features),
        ):
            one, two = (open_(str(path).format(stage)) for path in paths)
            np.testing.assert_array_equal(one.embedding, two.embedding)
            np.testing.assert_array_equal(one.clip_id, two.clip_id)
