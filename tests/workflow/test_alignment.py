"""Datasets with labels, folds and shares of their own, made comparable."""

import shutil

import pandas as pd
import pytest
import yaml

from tests.helpers.tones import write_table_dataset
from tests.helpers.workflow import run, write_experiment

pytestmark = [pytest.mark.workflow, pytest.mark.timeout(1800)]

ALIGNMENT = {
    "classes": {
        "low": {"clear": "bass", "hum": "bass"},
        "high": {"clear": "treble", "hum": {"present": ["high", "higher"]}},
    }
}


def write_datasets(folder):
    """`clear` has four official folds; `hum` has two, and two labels for high tones."""
    for name, n_folds, most in (("clear", 4, False), ("hum", 2, True)):
        shutil.rmtree(folder / name)
        write_table_dataset(folder / name, n_recordings=16, seed=n_folds)
        file = folder / name / "clips.csv"
        rows = pd.read_csv(file)
        number = rows["recording"].str.extract(r"(\d+)$")[0].astype(int)
        of_x = number < 12 if most else number // 2 % 2 == 0
        rows["subgroup"] = of_x.map({True: "x", False: "y"})
        if name == "hum":
            high = (number % 3 == 0).map({True: "higher", False: "high"})
            rows["label"] = rows["label"].where(rows["label"] == "bass", high)
        rows.assign(split=number % n_folds + 1).to_csv(file, index=False)


@pytest.fixture(scope="module")
def aligned(tmp_path_factory):
    folder = write_experiment(
        tmp_path_factory.mktemp("aligned"),
        alignment="alignment.yaml",
        methods=["none", "lda"],
        splits={"kind": "official", "balance": "joint", "n_repeats": 2},
        classifier={"C": [0.1], "n_inner_folds": 2},
    )
    write_datasets(folder)
    (folder / "alignment.yaml").write_text(yaml.safe_dump(ALIGNMENT))
    done = run(folder)
    assert done.returncode == 0, done.stderr[-3000:]
    return folder, done


def labels(folder, name):
    return pd.read_parquet(folder / f"results/4_splits/{name}.labels.parquet")


def test_labels_become_shared_classes(aligned):
    folder, _ = aligned
    own = pd.read_parquet(folder / "results/1_clips/hum.parquet")
    assert {"label:high", "label:higher", "label:bass"} <= set(own)
    found = labels(folder, "hum")
    assert {c for c in found if c.startswith("label:")} == {"label:low", "label:high"}
    assert found["label:high"].sum() == 32
    assert (found["label:high"] == (own["label:high"] | own["label:higher"])).all()
    scores = pd.read_csv(folder / "results/tables/scores.csv")
    assert set(scores["class"]) == {"low", "high"}


def test_four_official_folds_are_paired_with_two(aligned):
    folder, done = aligned
    assert "clear: 4 official folds merged into 2" in done.stderr
    for name in ("clear", "hum"):
        found = pd.read_parquet(folder / f"results/4_splits/{name}.parquet")
        # Some tones are so alike that they count as copies, and are left out.
        found = found[found["tests"]]
        number = found["clip_id"].str.extract(r"_(\d+)_")[0].astype(int)
        assert (found["fold"] == number % 2).all()
        assert found.groupby("repeat").size().to_dict() == {0: 64, 1: 64}


def test_training_is_balanced_over_label_subgroup_and_dataset(aligned):
    folder, _ = aligned
    drawn = pd.read_parquet(folder / "results/4_splits/draws.fixed.parquet")
    tables = [labels(folder, name) for name in ("clear", "hum")]
    both = [t.assign(dataset=n) for n, t in zip(("clear", "hum"), tables, strict=True)]
    rows = drawn.astype({"clip_id": str, "dataset": str}).merge(pd.concat(both))
    for c, part in rows.groupby("class", observed=True):
        keys = ["repeat", "fold", f"label:{c}", "subgroup"]
        counts = part.groupby([*keys, "dataset"]).size().unstack()
        assert len(counts) == 2 * 2 * 2 * 2
        assert (counts["clear"] == counts["hum"]).all()
    # Without the draw, hum would train on three times as many clips of x as of y.
    assert 0 < len(rows) < 2 * 2 * 2 * 64
    chosen = drawn.set_index(["fold", "class", "clip_id"])
    repeats = [set(part.index) for _, part in chosen.groupby("repeat")]
    assert repeats[0] != repeats[1]


def test_the_page_prints_the_alignment_and_the_draw(aligned):
    folder, _ = aligned
    page = (folder / "results/report.html").read_text(encoding="utf-8")
    section = page[page.index('id="alignment"') : page.index('id="datasets"')]
    assert "high or higher" in section
    assert "treble" in section
    section = page[page.index('id="draws"') : page.index('id="alignment"')]
    assert "draw: joint" in section
    assert section.count(" / ") >= 5


def test_another_alignment_embeds_nothing_again(aligned):
    folder, _ = aligned
    old = (folder / "alignment.yaml").read_text()
    changed = {"classes": {"deep": ALIGNMENT["classes"]["low"]}}
    (folder / "alignment.yaml").write_text(yaml.safe_dump(changed))
    done = run(folder, "-n")
    assert done.returncode == 0, done.stderr[-3000:]
    plan = done.stdout + done.stderr
    for rule in ("list_clips", "plan_regions", "extract_embeddings", "pool_frames"):
        assert f"rule {rule}:" not in plan
    assert "rule align_labels:" in plan
    assert "rule cross_validate:" in plan
    (folder / "alignment.yaml").write_text(old)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("classes: {low: {hum: bas}}", "label 'bas' of dataset 'hum'"),
        ("classes: {low: {humm: bass}}", "'humm' is no dataset"),
        ("classes: {low: {}}", "low: must map datasets to labels"),
    ],
)
def test_a_wrong_alignment_is_refused(tmp_path, text, message):
    folder = write_experiment(tmp_path / "wrong", alignment="alignment.yaml")
    (folder / "alignment.yaml").write_text(text)
    done = run(folder, "results/4_splits/classes.csv")
    assert done.returncode != 0
    assert message in done.stderr
    assert "Traceback" not in done.stderr
