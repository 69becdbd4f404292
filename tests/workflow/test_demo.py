"""The default experiment finds what was planted in the miniature corpora."""

import os
import shutil

import pandas as pd
import pytest

from tests.helpers.readme import run_block
from tests.helpers.workflow import clone, run

pytestmark = [pytest.mark.workflow, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def tables(demo):
    folder = demo[0] / "results" / "tables"
    found = {file.stem: pd.read_csv(file) for file in folder.glob("*.csv")}
    for name in ("summary", "gaps", "null_gaps", "learning_curves"):
        found[name] = found[name].set_index("metric")
    return found


def test_all_ten_classes_both_models_and_all_methods_are_there(tables):
    scores = tables["scores"]
    assert scores["class"].nunique() == 10
    assert set(scores["model"]) == {"mfcc", "musicnn"}
    whole = scores[scores["sample"].eq("all")]
    # classes, models, methods, directions, repeats
    assert len(whole) == 10 * 2 * 5 * 4 * 5


def test_instruments_are_found_within_each_corpus(tables):
    gaps = tables["gaps"].loc["roc_auc"]
    assert (gaps["within"] > 0.7).all()


def test_the_recording_chains_are_told_apart(tables):
    found = tables["discrepancy"]
    plain = found[found["method"] == "none"]
    assert (plain["low"] > 0.9).all()


def test_matching_the_means_hides_part_of_the_chain_from_a_linear_probe(tables):
    found = tables["discrepancy"]
    narrowed = found[
        (found["method"] == "mean_projection")
        & (found["measure"] == "domain_auc_linear")
    ]
    assert (narrowed["change_high"] < 0).all()


def test_training_on_the_other_corpus_costs_accuracy(tables):
    """Both models lose when trained on the darker, noisier corpus, not on less."""
    gaps = tables["gaps"].loc["roc_auc"]
    plain = gaps[(gaps["method"] == "none") & (gaps["test"] == "mini_irmas")]
    assert (plain["gap_low"] > 0).all()
    assert (plain["p_holm"] < 0.01).all()
    # As many clips of each class train on either side; all clips there are do not.
    assert (plain["n_train"] < 60).all()
    assert (plain["n_train_within"] > 3 * plain["n_train_across"]).all()
    assert (plain["of_size_low"] > 0).all()


def test_what_moves_all_scores_alike_is_seen_at_the_threshold(tables):
    """The ranking of MFCCs hardly suffers on mini_openmic; the decisions do."""
    gaps = tables["gaps"]
    own = gaps["method"].eq("none") & gaps["test"].eq("mini_openmic")
    plain = gaps[own & gaps["model"].eq("mfcc")]
    assert plain.loc["roc_auc", "gap_low"] < 0 < plain.loc["roc_auc", "gap_high"]
    assert plain.loc["balanced_accuracy", "gap_low"] > 0.03
    assert plain.loc["brier", "gap_low"] > 0.02


def test_the_largest_gap_is_mended_in_part_by_the_chain_alone(tables):
    """That of musicnn, from mini_openmic to mini_irmas."""
    gaps = tables["gaps"]
    own = gaps["train"].eq("mini_openmic") & gaps["model"].eq("musicnn")
    own = gaps[own].set_index("method", append=True)
    for metric in ("roc_auc", "balanced_accuracy"):
        rows = own.loc[metric]
        helped = rows.index[rows["gain"].gt(0) & rows["p_gain_holm"].lt(0.05)]
        assert list(helped) == ["adapt"]
        assert rows.loc["adapt", "p_remaining_holm"] < 0.05


def test_halves_of_a_corpus_have_no_gap(tables):
    """Of four, one excludes zero by chance in 19 % of cases, two in 1.4 %."""
    nulls = tables["null_gaps"].loc["roc_auc"]
    assert len(nulls) == 4
    assert ((nulls["gap_low"] > 0) | (nulls["gap_high"] < 0)).sum() <= 1
    assert nulls["gap"].abs().max() < 0.05


def test_more_recordings_help_within_a_corpus(tables):
    curves = tables["learning_curves"].loc["roc_auc"]
    within = curves[curves["train"].eq(curves["test"])]
    by_share = within.pivot(index=["model", "train"], columns="share", values="value")
    assert list(by_share.columns) == [0.125, 0.25, 0.5, 1.0]
    assert (by_share[1.0] > by_share[0.125] + 0.03).all()


def test_the_genre_mix_differs_as_planted(demo):
    folder = demo[0] / "results" / "1_clips"
    shares = {
        name: pd.read_parquet(folder / f"mini_{name}.parquet")["subgroup"].value_counts(
            normalize=True
        )
        for name in ("irmas", "openmic")
    }
    assert shares["irmas"]["classical"] > 2 * shares["openmic"]["classical"]
    assert shares["openmic"]["pop_rock"] > 2 * shares["irmas"]["pop_rock"]


def test_the_terminal_ends_with_the_main_table(demo):
    _, done = demo
    for word in ("mfcc", "musicnn", "none", "lda", "mlda", "mean_projection", "adapt"):
        assert word in done.stdout
    assert done.stdout.strip().splitlines()[-1].endswith("results/report.html")


def test_the_python_of_the_readme_runs_in_it(demo):
    frames, found, corrected, cello = run_block(demo[0])
    assert frames == "(1, 120) (1,)"
    assert found.endswith("['mini_irmas', 'mini_openmic']")
    assert corrected.endswith("True")
    assert "'" in cello


def test_nothing_is_done_again_by_a_new_clone_in_another_place(demo, tmp_path):
    folder = shutil.copytree(demo[0], tmp_path / "moved")
    project = clone(tmp_path / "project")
    adapters = list((project / "workflow" / "scripts").rglob("*.py"))
    newest = max(f.stat().st_mtime for f in (folder / "results").rglob("*"))
    for file in [*adapters, *(project / "workflow" / "report").iterdir()]:
        os.utime(file, (newest + 1, newest + 1))
    done = run(folder, root=project, config="config.yaml")
    assert done.returncode == 0, done.stderr[-3000:]
    assert "Nothing to be done" in done.stdout + done.stderr
    # What a file of the project says does count.
    page = project / "workflow" / "report" / "page.html.j2"
    page.write_text(page.read_text() + "\n")
    rules = project / "resources" / "alignments" / "instruments.yaml"
    done = run(folder, "-n", root=project, config="config.yaml")
    assert "write_report (contents)" in done.stdout + done.stderr
    assert "align_labels" not in done.stdout + done.stderr
    rules.write_text(rules.read_text() + "# A remark.\n")
    done = run(folder, "-n", root=project, config="config.yaml")
    assert "align_labels (contents)" in done.stdout + done.stderr
