"""The section on sensitivity: robustness, scores and movements of changed clips."""

import shutil

import numpy as np
import pandas as pd
import pytest

from earshift.stages.report import final_tables
from earshift.stages.report.figures import sensitivity as figures
from earshift.stages.report.sections import Experiment
from earshift.stages.report.sections.sensitivity import Sensitivity, said, short
from earshift.tables import ROBUSTNESS, SENSITIVITY, SENSITIVITY_SCORES
from tests.helpers.figures import drawn_axes, texts
from tests.helpers.page import page, section
from tests.helpers.report_tables import MEASURES, config_of, write_results

FAMILIES = {
    "noise": {"plugin": "noise", "strengths": [20, 0]},
    "gain": {"plugin": "gain", "strengths": [-6, 6]},
}
LINE = {"dataset": "here", "model": "mfcc", "method": "none"}
SETTINGS = ("clean to clean", "clean to changed", "changed to changed")


def scores():
    rows = []
    for family, entry in FAMILIES.items():
        for k, strength in enumerate([*entry["strengths"], "random"]):
            for metric in ("roc_auc", "balanced_accuracy", "brier"):
                for setting in SETTINGS:
                    value = 0.9 - 0.1 * k * (setting == "clean to changed")
                    row = LINE | {"family": family, "strength": str(strength)}
                    name = "random" if strength == "random" else f"{family}_{strength}"
                    row |= {"condition": name, "setting": setting, "metric": metric}
                    row |= dict.fromkeys(("n_classes", "n_test", "n_recordings"), 2)
                    row |= dict.fromkeys(
                        ("n_train", "n_train_positive", "n_train_recordings"), 9
                    )
                    row |= {"value": value, "low": value - 0.03, "high": value + 0.03}
                    if setting != "clean to clean":
                        lost = 0.9 - value
                        row |= {"loss": lost, "loss_low": lost - 0.05}
                        row |= {"loss_high": lost + 0.05, "verdict": "harmful"}
                    rows.append(row)
    return pd.DataFrame(rows).reindex(columns=SENSITIVITY_SCORES.names)


def moved():
    rows = []
    names = (*figures.MEASURES, "cosine_distance", "common_share")
    for family, entry in FAMILIES.items():
        place = {"dataset": "here", "model": "mfcc", "family": family}
        place |= {"n_clips": 40, "n_recordings": 20}
        for k, strength in enumerate(entry["strengths"]):
            for name in names:
                row = {"condition": f"{family}_{strength}", "strength": str(strength)}
                row |= {"measure": name, "value": 0.5 + k, "low": 0.4 + k}
                rows.append(place | row | {"high": 0.6 + k})
        order = {"condition": "", "strength": "", "measure": "monotonicity"}
        rows.append(place | order | {"value": np.nan})
    return pd.DataFrame(rows).reindex(columns=SENSITIVITY.names)


def falls():
    rows = []
    for family, side, strength in (
        ("noise", "lower", 12.0),
        ("gain", "lower", np.inf),
        ("gain", "higher", np.inf),
    ):
        for metric in ("roc_auc", "balanced_accuracy"):
            for fall in (0.01, 0.05, 0.1):
                row = LINE | {"family": family, "side": side, "metric": metric}
                row |= {"fall": fall, "strength": strength, "low": strength + 2}
                rows.append(row | {"high": np.inf, "weakest": 20, "strongest": 0})
    return pd.DataFrame(rows)[ROBUSTNESS.names]


@pytest.fixture
def results(tmp_path):
    results = write_results(tmp_path / "r", models=("mfcc",))
    SENSITIVITY_SCORES.write(scores(), results / "tables/sensitivity_scores.csv")
    SENSITIVITY.write(moved(), results / "tables/sensitivity.csv")
    ROBUSTNESS.write(falls(), results / "tables/robustness.csv")
    # Features of changed clips, none of which were left out.
    for clean in (results / "3_features").glob("*/mfcc/clean.skipped.csv"):
        for family, entry in FAMILIES.items():
            for strength in entry["strengths"]:
                name = f"{family}_{strength}.skipped.csv"
                shutil.copy(clean, clean.with_name(name))
    return results


def experiment_of(results, families):
    config = config_of(results)
    config["conditions"] |= FAMILIES
    config["sensitivity"] = {"conditions": families, "methods": ["none"]}
    found = final_tables.read(results / "tables", measures=MEASURES)
    return Experiment(results, config, {}, found)


def test_scores_are_drawn_from_the_weakest_strength_on(results):
    table = SENSITIVITY_SCORES.read(results / "tables/sensitivity_scores.csv")
    figure = figures.score_curves(table, FAMILIES)
    axes = drawn_axes(figure)
    assert len(axes) == 2 * 2
    assert {"noise", "gain", "trained on unchanged clips"} <= texts(figure)
    unseen, known, clean = axes[0].lines[:3]
    np.testing.assert_allclose(unseen.get_xydata(), [[1, 0.9], [2, 0.8]])
    np.testing.assert_allclose(known.get_xydata(), [[1, 0.9], [2, 0.9]])
    assert clean.get_ydata()[0] == 0.9
    # What changes nothing lies between the two sides.
    gain = axes[1].lines[0].get_xydata()
    np.testing.assert_allclose(gain, [[-1, 0.9], [1, 0.8]])
    ticks = [tick.get_text() for tick in axes[-1].get_xticklabels()]
    assert ticks == ["-6", "0", "6"]


def test_movements_have_a_row_of_axes_per_measure(results):
    table = SENSITIVITY.read(results / "tables/sensitivity.csv")
    figure = figures.movement_curves(table, FAMILIES)
    axes = drawn_axes(figure)
    assert len(axes) == len(figures.MEASURES) * 2
    np.testing.assert_allclose(axes[0].lines[0].get_xydata(), [[1, 0.5], [2, 1.5]])
    assert axes[-1].get_yscale() == "log"
    assert not drawn_axes(figures.movement_curves(table[:0], FAMILIES))


def test_the_page_tells_of_sensitivity_if_it_was_asked(results):
    own = Sensitivity()
    assert own.values(experiment_of(results, [])) is None
    assert own.findings(experiment_of(results, [])) == []
    experiment = experiment_of(results, list(FAMILIES))
    figures.draw_sensitivity(
        results / "tables/sensitivity_scores.csv",
        results / "tables/sensitivity.csv",
        FAMILIES,
        results / "figures/sensitivity.svg",
        results / "figures/movement.svg",
    )
    (found,) = own.findings(experiment)
    metric = "balanced accuracy"
    assert found.sentences == [
        f"noise, mfcc on here: {metric} has fallen by 5 % at 12 dB SNR [14, beyond].",
        *(
            f"gain, mfcc on here ({side}): {metric} has fallen by 5 % in none of the "
            "strengths from 20 to 0 dB."
            for side in ("lower", "higher")
        ),
    ]
    html = page(results, experiment.config)
    text = section(html, "sensitivity")
    assert text.count("<td>12 [14, beyond]</td>") == 3 * 2
    assert text.count("<td>none</td>") == 2 * 3 * 2
    assert "too few strengths, or no movement" in text
    assert text.count("figure-movement") == 1
    # Rows of scores: two metrics and two settings, in two strengths and at random.
    rows = text.split("Table of scores of changed clips")[1].split("Table of how")[0]
    assert rows.count('<th scope="row">') == 2 * 3 * 2 * 2


@pytest.mark.parametrize(
    ("ends", "expected"),
    [
        ((12.3, 15.0, 9.0), "at 12.3 dB [15, 9]"),
        ((np.inf, np.inf, np.inf), "in none of the strengths from 20 to 0 dB"),
        (
            (np.inf, 3.0, np.inf),
            "perhaps nowhere from 20 to 0 dB, at the earliest at 3 dB",
        ),
        ((np.nan, np.nan, np.nan), "at an unknown strength"),
    ],
)
def test_a_fall_is_said_with_its_interval(ends, expected):
    cell = dict(zip(("strength", "low", "high"), ends, strict=True))
    assert said(cell | {"weakest": 20.0, "strongest": 0.0}, "dB") == expected
    brief = {12.3: "12.3 [15, 9]", np.inf: "none"}.get(ends[0], "\N{EN DASH}")
    assert short(cell) == (brief if ends[1] != 3 else "none [3, beyond]")
