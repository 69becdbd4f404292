"""Changed audio beside the audio as it is, in an experiment that ran without."""

import shutil

import numpy as np
import pandas as pd
import pytest
import soundfile
import yaml
from numpy.testing import assert_allclose

from earshift import load_model, registry, store
from earshift.evaluation.displacement import FLOOR
from earshift.tables import SENSITIVITY, SENSITIVITY_SCORES
from tests.helpers.workflow import jobs_of, run, snakemake

pytestmark = [pytest.mark.workflow, pytest.mark.timeout(1800)]

#: A condition of a user's own.
POLARITY = """
import numpy as np
from typing import Literal
version, label, unit = 1, "polarity", ""
identity, limits, random = "same", None, False
def apply(waveform, sample_rate_hz, strength: Literal["same", "turned"], rng):
    return -waveform if strength == "turned" else waveform
"""

NAMES = ["clean", "gain_-6", "gain_0", "gain_6", "polarity_turned"]
FRONT = "front_trim+level+fill"


def write_conditions(folder, strengths):
    config = yaml.safe_load((folder / "experiment.yaml").read_text())
    config["methods"] = {"none": None, "chain": {"plugin": "adapt", "front": FRONT}}
    config["extraction"]["max_jobs"] = 1
    config["conditions"] = {
        "clean": None,
        "gain": {"strengths": strengths},
        "polarity.py": {"strengths": ["turned"]},
        "front": {"strengths": ["trim+level+fill"]},
        "softer": {"plugin": "gain", "strengths": [-20, -10, 5]},
    }
    config["sensitivity"] = {"conditions": ["softer"], "methods": ["none"]}
    (folder / "experiment.yaml").write_text(yaml.safe_dump(config))


@pytest.fixture(scope="module")
def changed(finished, tmp_path_factory):
    folder = tmp_path_factory.mktemp("conditions") / "changed"
    shutil.copytree(finished[0], folder)
    (folder / "polarity.py").write_text(POLARITY)
    write_conditions(folder, [-6, 0, 6])
    done = run(folder)
    assert done.returncode == 0, done.stderr[-3000:]
    return folder, done


def test_only_the_new_conditions_are_embedded_each_family_by_one_job(changed):
    folder, done = changed
    assert jobs_of(done, "extract_embeddings") == 2 * 4
    assert "mfcc: 108 clips, 108 of them to embed" in done.stderr
    assert "mfcc: 36 clips, 36 of them to embed" in done.stderr
    assert "embedded before" not in done.stderr
    assert jobs_of(done, "calibrate_model") == 0
    assert jobs_of(done, "pool_frames") == 2 * 8
    stores = (folder / "results/2_embeddings/hum/mfcc").glob("*.zarr")
    families = {"clean", "gain", "polarity", "front", "softer"}
    assert {path.stem for path in stores} == families
    again = run(folder, "-n")
    assert "Nothing to be done" in again.stderr + again.stdout


def test_each_strength_has_its_rows_in_tables_and_report(changed):
    folder, done = changed
    for table in ("scores", "summary", "discrepancy", "padding"):
        rows = pd.read_csv(folder / f"results/tables/{table}.csv")
        assert list(dict.fromkeys(rows["condition"])) == NAMES, table
    # What is 0 dB louder, or upside down, embeds the same, and so has the same scores.
    scores = pd.read_csv(folder / "results/tables/scores.csv").set_index("condition")
    scores = scores[scores["method"].eq("none")]
    for name in ("gain_0", "polarity_turned"):
        pd.testing.assert_frame_equal(
            scores.loc[name].reset_index(drop=True),
            scores.loc["clean"].reset_index(drop=True),
        )
    page = (folder / "results/report.html").read_text()
    for name in NAMES:
        assert f"mfcc ({name})" in page
        assert f"mfcc ({name})" in done.stdout
    assert "\N{MINUS SIGN}6 dB" in page


def test_a_correction_is_seen_through_the_methods_behind_it_alone(changed):
    folder, done = changed
    for table in ("scores", "summary", "gaps", "discrepancy"):
        rows = pd.read_csv(folder / f"results/tables/{table}.csv")
        own = rows[rows["method"].eq("chain")]
        assert set(own["condition"]) == {"clean"}, table
    keys = ["train", "test", "class"]
    scores = pd.read_csv(folder / "results/tables/scores.csv")
    scores = scores[scores["condition"].eq("clean") & scores["sample"].eq("all")]
    plain, own = (
        scores[scores["method"].eq(m)].set_index(keys) for m in ("none", "chain")
    )
    assert own.index.equals(plain.index)
    assert own["n_test"].equals(plain["n_test"])
    assert not np.isclose(own["brier"], plain["brier"]).any()
    assert "no result in the condition 'gain_-6': its front" in done.stderr
    assert FRONT in (folder / "results/report.html").read_text()


def test_features_behind_a_front_are_those_of_the_conditioned_audio(changed):
    folder, _ = changed
    X, ids = store.read_features(folder / f"results/3_features/hum/mfcc/{FRONT}.zarr")
    model = load_model("mfcc")
    rng = np.random.default_rng(0)
    apply = registry.load("conditions", "front").apply
    for row in (0, 17, 35):
        samples, rate = soundfile.read(folder / "hum" / ids[row], dtype="float32")
        there = model.spec.sample_rate_hz
        n = -(-model.filled(len(samples) * there // rate) * rate // there)
        whole = apply(samples, rate, "trim+level+fill", rng, n_samples=n)
        frames = model.embed(whole, rate).values
        assert_allclose(X[row], frames.mean(axis=0), rtol=1e-4, atol=1e-3)


def test_features_are_those_of_the_changed_audio(changed):
    folder, _ = changed

    def features(name):
        return store.read_features(folder / f"results/3_features/hum/mfcc/{name}.zarr")

    clean, ids = features("clean")
    same, same_ids = features("gain_0")
    assert same_ids == ids
    assert same.tobytes() == clean.tobytes()
    softer, _ = features("gain_-6")
    assert np.abs(softer - clean).max() > 1
    model = load_model("mfcc")
    for row in (0, 17, 35):
        samples, rate = soundfile.read(folder / "hum" / ids[row], dtype="float32")
        frames = model.embed(samples * np.float32(10 ** (-6 / 20)), rate).values
        assert_allclose(softer[row], frames.mean(axis=0), rtol=1e-5, atol=1e-4)


def test_a_family_is_compared_with_the_same_clips_unchanged(changed):
    folder, done = changed
    for rule, n in (("measure_sensitivity", 2), ("score_sensitivity", 2)):
        assert jobs_of(done, rule) == n
    table = SENSITIVITY.read(folder / "results/tables/sensitivity.csv")
    assert set(table["dataset"]) == set(
        pd.read_csv(folder / "results/tables/scores.csv")["test"]
    )
    strengths = ["-20", "-10", "5"]
    own = table[table["dataset"].eq("hum") & table["measure"].eq("relative_distance")]
    assert own["strength"].tolist() == strengths
    values = {}
    for name in ("clean", "softer_-20", "softer_-10"):
        X, ids = store.read_features(
            folder / f"results/3_features/hum/mfcc/{name}.zarr"
        )
        values[name] = pd.DataFrame(X, index=ids).sort_index().to_numpy(np.float64)
    spread = values["clean"].std(axis=0)
    spread = np.maximum(spread, FLOOR * np.sqrt(np.mean(spread**2)))
    moved = [
        np.sqrt(np.mean(np.sum(((values[n] - values["clean"]) / spread) ** 2, axis=1)))
        for n in ("softer_-20", "softer_-10")
    ]
    assert_allclose(
        own["value"].iloc[0] / own["value"].iloc[1], moved[0] / moved[1], rtol=2e-5
    )
    scores = SENSITIVITY_SCORES.read(folder / "results/tables/sensitivity_scores.csv")
    assert list(dict.fromkeys(scores["strength"])) == [*strengths, "random"]
    assert scores["setting"].nunique() == 4
    # Stage 5 has scored the same unchanged clips: the same value.
    plain = scores[scores["setting"].eq("clean to clean")]
    plain = plain[plain["dataset"].eq("hum") & plain["metric"].eq("roc_auc")]
    summary = pd.read_csv(folder / "results/tables/summary.csv")
    within = summary[summary["train"].eq("hum") & summary["test"].eq("hum")]
    within = within[within["metric"].eq("roc_auc") & within["method"].eq("none")]
    expected = within.loc[within["condition"].eq("clean"), "value"].iloc[0]
    assert_allclose(plain["value"], expected, rtol=1e-5)
    page = (folder / "results/report.html").read_text()
    assert '<h2 id="sensitivity">' in page
    assert "softer, mfcc on hum (lower)" in page
    for figure in ("sensitivity", "movement"):
        assert (folder / f"results/figures/{figure}.png").stat().st_size > 10_000


def test_an_added_strength_plans_its_family_alone(changed, tmp_path):
    folder = shutil.copytree(changed[0], tmp_path / "more")
    write_conditions(folder, [-6, 0, 6, 12])
    planned = snakemake(folder, "-n", "results/3_features/hum/mfcc/gain_12.zarr")
    assert planned.returncode == 0, planned.stderr[-3000:]
    said = planned.stdout + planned.stderr
    assert "results/2_embeddings/hum/mfcc/gain.plan.json" in said
    assert "hum/mfcc/clean" not in said
    assert "polarity" not in said


def test_a_mistyped_family_stops_before_any_job(changed, tmp_path):
    folder = shutil.copytree(changed[0], tmp_path / "wrong")
    config = yaml.safe_load((folder / "experiment.yaml").read_text())
    config["conditions"] = ["clean", "gian"]
    (folder / "experiment.yaml").write_text(yaml.safe_dump(config))
    done = run(folder)
    assert done.returncode != 0
    assert "Did you mean 'gain'?" in done.stderr
    assert "Traceback" not in done.stderr
    assert "rule " not in done.stderr
