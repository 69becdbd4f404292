"""The protocol ``paper`` against numbers of the original code of the study."""

import subprocess
import sys

import pandas as pd
import pytest

from earshift.evaluation.protocol import study_of
from earshift.stages.scores import cross_validation
from earshift.tables import SCORES
from tests.helpers import study
from tests.helpers.reference import SHARED

FOLDER = SHARED / "reference" / "study"
FILES = sorted(FOLDER.glob("expected.vggish.*.csv"))

NAMES = {"roc_auc": "roc_auc", "average_precision": "ap", "n_positive": "support"}

pytestmark = [
    pytest.mark.reference,
    pytest.mark.skipif(not FILES, reason=f"no reference numbers in {SHARED}"),
]


@pytest.fixture(scope="module")
def scores(tmp_path_factory):
    inputs = tmp_path_factory.mktemp("inputs")
    script = FOLDER / "make_study_inputs.py"
    command = [sys.executable, script, inputs, "--bias-data", FOLDER / "data"]
    subprocess.run(command, check=True, capture_output=True, timeout=250)
    out = tmp_path_factory.mktemp("study")
    entries = study.write_domains(inputs, "vggish", out)
    cross_validation.cross_validate(
        model="vggish",
        condition="clean",
        entries=entries,
        classes=out / "classes.csv",
        draws=out / "draws.parquet",
        methods={name: {"plugin": name} for name in ("none", "lda", "mlda", "k")},
        scopes=["global", "classwise"],
        protocol=study_of("ismir2023").protocol("paper"),
        classifier={},
        seed=0,
        n_workers=0,
        parts=out / "parts",
        clip_scores=out / "clips.parquet",
        scores=out / "scores.csv",
        directions=out / "directions.parquet",
    )
    scores = SCORES.read(out / "scores.csv")
    whole, equal = (
        scores[scores["sample"].eq(sample)]
        .drop(columns="sample")
        .reset_index(drop=True)
        for sample in ("all", "equal")
    )
    # What the study draws is of equal size.
    pd.testing.assert_frame_equal(whole, equal)
    return whole


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_row_is_that_of_the_original(file, scores):
    _, _, scope, method = file.stem.split(".")
    found = scores[scores["scope"].eq(scope) & scores["method"].eq(method)]
    found = found.set_index(["class", "train", "test"])[list(NAMES)]
    expected = pd.read_csv(file).set_index(["instrument", "train_set", "test_set"])
    assert len(expected) == len(found) == 4 * len(study.CLASSES)
    assert set(expected.index) == set(found.index)
    expected = expected[list(NAMES.values())].set_axis(list(NAMES), axis=1)
    difference = (found.loc[expected.index] - expected).abs().max()
    assert difference["n_positive"] == 0
    # The original's solver stops at 1e-4 of its first gradient; ours is exact.
    assert difference["roc_auc"] < 2e-4
    assert difference["average_precision"] < 2e-4
