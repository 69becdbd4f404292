"""Whether measures predict what a correction gains: planted, and by chance."""

import numpy as np
import pandas as pd
import pytest

import earshift
from earshift.errors import DataError
from earshift.tables import DISCREPANCY, GAPS
from tests.helpers.report_tables import write_results


def runs(folder, gain_of, n_pairs=5):
    """Results of several pairs of datasets and two models, with planted gains."""
    rng = np.random.default_rng(0)
    folders = []
    for k in range(n_pairs):
        results = write_results(
            folder / str(k), datasets=(f"a{k}", f"b{k}"), methods=("none", "adapt")
        )
        gaps = GAPS.read(results / GAPS.file)
        own = DISCREPANCY.read(results / DISCREPANCY.file)
        own["value"] = rng.uniform(0.6, 1.0, len(own))
        linear = own["measure"].eq("domain_auc_linear") & own["method"].eq("none")
        value = own[linear].set_index("model")["value"]
        noise = 0.005 * rng.standard_normal(len(gaps))
        gaps["gap"] = rng.uniform(0, 0.3, len(gaps))
        gaps["gain"] = [
            gain_of(value[model], rng) + e
            for model, e in zip(gaps["model"], noise, strict=True)
        ]
        gaps.to_csv(results / GAPS.file, index=False)
        own.to_csv(results / DISCREPANCY.file, index=False)
        folders.append(results)
    return folders


def test_what_predicts_gains_beats_their_mean_and_what_does_not_does_not(tmp_path):
    folders = runs(tmp_path, lambda value, _: 0.3 * (value - 0.5))
    found = earshift.correctability(folders)
    assert len(found.directions) == 5 * 2 * 2
    table = found.table.set_index(["left_out", "predictor"])
    own = table.loc["pair", "domain_auc_linear"]
    assert (own["n"], own["n_groups"]) == (20, 5)
    assert own["slope"] == pytest.approx(0.3, abs=0.05)
    assert own["low"] > 0
    assert own["error"] < 0.01 < own["error_of_mean"]
    assert table.loc[("model", "domain_auc_linear"), "n_groups"] == 2
    assert not table.loc[("pair", "gap"), "low"] > 0
    assert "one pair at a time, domain_auc_linear: better than the mean" in str(found)


def test_errors_are_those_of_directions_that_were_left_out(tmp_path):
    found = earshift.correctability(runs(tmp_path, lambda _, rng: rng.normal(0, 0.02)))
    own = found.directions
    expected = []
    for pair in own["pair"].unique():
        out = own["pair"] == pair
        expected += list(own.loc[out, "gain"] - own.loc[~out, "gain"].mean())
    rows = found.table[found.table["left_out"].eq("pair")]
    error = np.sqrt(np.mean(np.square(expected)))
    np.testing.assert_allclose(rows["error_of_mean"], error)
    assert not (rows["low"] > 0).any()
    assert "nothing is shown better than the mean gain" in str(found)


def test_results_that_cannot_be_asked_are_refused(tmp_path):
    folders = runs(tmp_path, lambda value, _: value, n_pairs=1)
    one = pd.read_csv(folders[0] / GAPS.file)
    one[one["model"].eq("mfcc")].to_csv(folders[0] / GAPS.file, index=False)
    with pytest.raises(DataError, match=r"takes 4 directions or more.* have 2"):
        earshift.correctability(folders)
    with pytest.raises(DataError, match=r"no method 'adapts' .*adapt"):
        earshift.correctability(folders, method="adapts")
    (folders[0] / DISCREPANCY.file).unlink()
    with pytest.raises(DataError, match=r"lacks 'tables/discrepancy\.csv'"):
        earshift.correctability(folders)
