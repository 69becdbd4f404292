"""Our tables and tests, run on the published numbers, give what was published."""

import pandas as pd
import pytest

from earshift.studies.ismir2023 import published, tables
from tests.helpers.reference import SHARED

#: Model, method, scope -> mean ROC-AUC of the paper's table, in points: within irmas,
#: within openmic, openmic to irmas, irmas to openmic.
MAIN = {
    ("vggish", "none", "global"): (91.60, 87.95, 82.82, 83.81),
    ("openl3", "none", "global"): (93.26, 87.16, 80.56, 80.13),
    ("yamnet", "none", "global"): (94.65, 89.74, 85.01, 85.47),
    ("openl3", "klda", "classwise"): (93.96, 87.91, 79.99, 81.79),
    ("yamnet", "klda", "classwise"): (93.63, 89.24, 86.00, 84.76),
}
PAIRS = [("irmas", "irmas"), ("openmic", "openmic")]
PAIRS += [("openmic", "irmas"), ("irmas", "openmic")]


@pytest.fixture(scope="module")
def scores():
    return published.results().assign(condition="clean", repeat=0)


def test_the_table_has_every_cell_and_class_once(scores):
    assert len(scores) == 3 * 6 * 2 * 4 * 10
    keys = ["model", "method", "scope", "train", "test", "class"]
    assert not scores.duplicated(keys).any()
    assert scores.notna().all(axis=None)
    cello = scores[scores["class"].eq("cello")].groupby("test")["n_positive"]
    assert cello.unique().map(list).to_dict() == {"irmas": [94], "openmic": [113]}


@pytest.mark.parametrize("row", MAIN, ids="-".join)
def test_the_main_table_of_the_paper_is_found_again(scores, row):
    table = tables.main_table(scores)
    own = table.set_index(["model", "method", "scope", "train", "test"])
    found = [own.loc[(*row, *pair), "roc_auc_published"] for pair in PAIRS]
    assert [f"{x:.2f}" for x in found] == [f"{x:.2f}" for x in MAIN[row]]


def test_no_published_change_across_datasets_is_significant(scores):
    tests = tables.paired_tests(scores)
    largest = tests.groupby("scope")["t"].apply(lambda t: t.abs().max())
    assert tests.groupby("scope").size().to_dict() == {"classwise": 30, "global": 30}
    assert largest["global"] < 1.7
    assert round(largest["classwise"], 2) == 2.25
    assert (tests["p_holm"] > 0.05).all()
    top = tests.loc[tests["t"].abs().idxmax()]
    assert (top["model"], top["method"], top["train"]) == ("openl3", "mlda", "irmas")
    assert round(top["change"], 2) == 0.50


def test_lda_changes_no_published_score_of_yamnet(scores):
    tests = tables.paired_tests(scores)
    own = tests[tests["model"].eq("yamnet") & tests["method"].eq("lda")]
    own = own[own["scope"].eq("global")]
    assert own[["lowest", "highest"]].abs().max(axis=None) <= 5e-3  # in points


def test_published_klda_gains_a_little_on_its_own_kernel(scores):
    tests = tables.paired_tests(scores, "k")
    assert set(tests["method"]) == {"klda", "mklda"}
    assert (tests["reference"] == "k").all()
    own = tests[tests["scope"].eq("classwise")]
    assert len(own) == 12
    assert own["p_value"].min() == pytest.approx(0.004, abs=1e-4)
    assert own["p_holm"].min() == pytest.approx(0.05, abs=0.005)
    klda = own[own["method"].eq("klda")]
    assert [round(x, 1) for x in (klda["t"].min(), klda["t"].max())] == [1.8, 3.8]
    ends = klda["change"].min(), klda["change"].max()
    assert [round(x, 2) for x in ends] == [0.11, 0.56]


def test_the_largest_published_harm_of_a_correction_is_that_of_a_cello(scores):
    plain, kernel = (tables.paired_tests(scores, m) for m in ("none", "k"))
    plain = plain[plain["method"].isin(["lda", "mlda"])]
    worst = plain.loc[plain["lowest"].idxmin()]
    assert round(worst["lowest"], 1) == -5.6
    found = worst[["model", "method", "scope", "train", "lowest_class"]].tolist()
    assert found == ["vggish", "mlda", "global", "irmas", "cello"]
    assert kernel["lowest"].min() > worst["lowest"]


def test_the_cosines_are_there_for_both_spaces_and_scopes():
    cosines = published.cosines()
    assert len(cosines) == 2 * 2 * 3 * 2 * 10
    assert cosines["cosine"].abs().max() < 1
    sizes = cosines.groupby(["method", "scope"]).size()
    assert sizes.tolist() == [60] * 4


@pytest.mark.skipif(not (SHARED / "paper").is_dir(), reason=f"no {SHARED}/paper")
@pytest.mark.parametrize("scope", ["global", "classwise"])
def test_the_shipped_numbers_are_those_of_the_result_files(scores, scope):
    theirs = pd.read_csv(SHARED / "paper" / f"ismir2023_results_{scope}.csv")
    parts = theirs["embedding"].str.partition("-")
    theirs = theirs.assign(model=parts[0], method=parts[2].replace("", "none"))
    names = {"instrument": "class", "train_set": "train", "test_set": "test"}
    names |= {"ap": "average_precision", "f1-score": "f1", "support": "n_positive"}
    theirs = theirs.rename(columns=names)
    keys = ["model", "method", "train", "test", "class"]
    both = theirs.merge(scores[scores["scope"].eq(scope)], on=keys)
    assert len(both) == len(theirs) == 720
    values = ["roc_auc", "average_precision", "precision", "recall", "f1", "accuracy"]
    for name in [*values, "n_positive"]:
        assert (both[f"{name}_x"] - both[f"{name}_y"]).abs().max() <= 5.1e-7, name
