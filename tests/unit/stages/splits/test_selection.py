"""What each protocol sees of an experiment: clips, subgroups, classes."""

import pandas as pd
import pytest

from earshift.errors import DataError
from earshift.evaluation.protocol import study_of
from earshift.stages.splits import alignment, classes, draws, selection, splitting
from earshift.studies.ismir2023 import numerics

STUDY = study_of("ismir2023")

#: The subgroup of clip i by the map of each protocol.
FIXED = ["rock", "rock", "jazz", None, "soul", "jazz"] * 6
PAPER = ["rock", None, "jazz", "rock", "soul", None] * 6


def clip_table(path, name, both=True):
    """36 clips of 18 recordings, of which the last 6 test, in no order of ids."""
    rows = pd.DataFrame({"clip_id": [f"{name}{i:02d}" for i in range(36)][::-1]})
    number = rows["clip_id"].str.slice(1).astype(int)
    rows = rows.assign(
        recording=(name + (number // 2).astype(str)),
        subgroup=[FIXED[i] for i in number],
        split=(number >= 24).map({True: "test", False: "train"}),
        status="ok",
    )
    if both:
        rows["subgroup_paper"] = [PAPER[i] for i in number]
    rows["label:c"] = pd.array(number % 2 == 0, dtype="boolean")
    rows.to_parquet(path)
    return path


@pytest.fixture
def selected(tmp_path):
    """Stage 4 of two datasets, of which `a` alone has a map for `paper`; its paths."""
    labels = {n: tmp_path / f"{n}.labels.parquet" for n in "ab"}
    folds = {n: tmp_path / f"{n}.parquet" for n in "ab"}
    for n, out in labels.items():
        alignment.align_labels(
            *(n, "table", clip_table(tmp_path / f"{n}.clips.parquet", n, n == "a")),
            alignment=None,
            subgroups=["rock", "jazz"],
            used_by=STUDY.named(["fixed", "paper"]),
            official=True,
            out=out,
        )
    options = {"kind": "official", "n_folds": 2, "n_repeats": 3, "seed": 0}
    files = {"grouped": tmp_path / "groups.parquet", "shared": tmp_path / "shared.csv"}
    splitting.make_splits(labels, folds, **options, **files)
    out = {"all": (labels, folds)}
    for protocol in ("fixed", "paper"):
        pairs = [
            {n: (p, tmp_path / f"{protocol}.{p.name}") for n, p in files.items()}
            for files in (labels, folds)
        ]
        selection.select_clips(
            *(STUDY.protocol(protocol), *pairs),
            grouped=files["grouped"],
            subgroups=["rock", "jazz"],
        )
        out[protocol] = tuple({n: p for n, (_, p) in each.items()} for each in pairs)
    return out


def numbers(file):
    return [int(c[1:]) for c in pd.read_parquet(file)["clip_id"]]


def test_a_clip_stays_if_one_protocol_uses_it(selected):
    labels = selected["all"][0]
    wanted = [i for i in range(36) if {FIXED[i], PAPER[i]} & {"rock", "jazz"}]
    assert numbers(labels["a"]) == wanted[::-1]
    assert {"subgroup", "subgroup_paper"} <= set(pd.read_parquet(labels["a"]))
    # Without a column of its own, a dataset has the same subgroups in both.
    assert numbers(labels["b"]) == [i for i in wanted if FIXED[i]][::-1]


@pytest.mark.parametrize(("protocol", "genres"), [("fixed", FIXED), ("paper", PAPER)])
def test_a_protocol_has_the_clips_of_its_own_map(selected, protocol, genres):
    labels, folds = selected[protocol]
    rows = pd.read_parquet(labels["a"])
    wanted = [i for i in range(36) if genres[i] in ("rock", "jazz")]
    assert numbers(labels["a"]) == wanted
    assert rows["subgroup"].tolist() == [genres[i] for i in wanted]
    assert "subgroup_paper" not in rows
    tested = pd.read_parquet(folds["a"])
    assert set(tested["repeat"]) == ({0} if protocol == "paper" else {0, 1, 2})
    own = tested.loc[tested["repeat"] == 0, "clip_id"]
    assert {int(c[1:]) for c in own} == {i for i in wanted if i >= 24}


def test_clips_of_no_wanted_subgroup_are_not_drawn(selected, tmp_path):
    for protocol, genres in (("fixed", FIXED), ("paper", PAPER)):
        out = tmp_path / "draws.parquet"
        draws.draw_balanced(
            *selected[protocol],
            balance="paper",
            subgroups=["rock", "jazz"],
            seed=0,
            out=out,
        )
        rows = pd.read_parquet(out)
        drawn = rows.loc[rows["dataset"] == "a", "clip_id"].astype(str)
        found = {int(c[1:]) for c in drawn}
        assert max(found) < 24
        assert {genres[i] for i in found} == {"rock", "jazz"}
        assert rows["repeat"].nunique() == (1 if protocol == "paper" else 3)


def test_a_class_must_do_for_all_protocols(selected, tmp_path):
    def entries(protocol):
        labels, folds = selected[protocol]
        return [
            {"protocol": protocol, "name": n, "labels": labels[n], "splits": folds[n]}
            for n in labels
        ]

    out = tmp_path / "classes.csv"
    both = entries("fixed") + entries("paper")
    classes.choose_classes(both, [], out, n_inner_folds=2, study=STUDY)
    assert classes.read_classes(out) == ["c"]
    found = pd.read_csv(out).set_index("dataset")
    assert len(found) == 2
    fixed = pd.read_parquet(selected["fixed"][0]["a"])
    assert found.loc["a", "n_present"] == fixed["label:c"].sum()
    # Now the paper's map leaves two training recordings without the class.
    file = selected["paper"][0]["a"]
    rows = pd.read_parquet(file)
    train = rows["split"].eq("train") & ~rows["label:c"].astype(bool)
    rows.drop(rows.index[train][2:]).to_parquet(file)
    message = r"only 2 training recordings .* 3 inner folds .*\(protocol 'paper'\)"
    with pytest.raises(DataError, match=message):
        classes.choose_classes(both, [], out, n_inner_folds=2, study=STUDY)
    classes.choose_classes(entries("fixed"), [], out, n_inner_folds=2, study=STUDY)


def test_a_protocol_without_clips_is_an_error(tmp_path):
    file = clip_table(tmp_path / "a.parquet", "a")
    rows = pd.read_parquet(file).assign(subgroup_paper=None)
    rows.to_parquet(file)
    groups = tmp_path / "groups.parquet"
    rows.assign(dataset="a", group=rows["recording"]).to_parquet(groups)
    with pytest.raises(DataError, match=r"no clip of the subgroups rock for .*'paper'"):
        selection.select_clips(
            *(STUDY.protocol("paper"), {"a": (file, tmp_path / "x")}, {}),
            grouped=groups,
            subgroups=["rock"],
        )


def test_the_fixed_protocol_stands_for_the_experiment_if_it_is_run():
    assert selection.main(["paper", "fixed"]) == "fixed"
    assert selection.main(["paper"]) == "paper"


def test_classes_are_chosen_by_the_inner_folds_that_the_study_has():
    paper = STUDY.protocol("paper")
    assert paper.classifier["n_inner_folds"] == selection.PAPER_INNER_FOLDS
    assert set(paper.methods) == set(numerics.METHODS)


def test_deviations_are_changes_against_the_paper(tmp_path):
    cell = {"model": "m", "condition": "clean", "method": "lda", "scope": "global"}
    cell |= {"train": "a", "test": "b"}
    scores = []
    for protocol, values in (("paper", (0.5, 0.7)), ("fixed", (0.7, 0.9))):
        rows = [
            cell | {"protocol": protocol, "class": str(i), "roc_auc": value}
            for i, value in enumerate(values)
        ]
        scores.append(tmp_path / f"{protocol}.csv")
        pd.DataFrame(rows).to_csv(scores[-1], index=False)
    table = tmp_path / "deviations.csv"
    rows = [
        {"fault": fault, "class": str(i), "roc_auc": value} | cell
        for fault, i, value in (("D1", 0, 0.6), ("D1", 1, 0.7), ("D2", 0, 0.6))
    ]
    pd.DataFrame(rows).to_csv(table, index=False)
    out = tmp_path / "out.csv"
    selection.collect_deviations([table], scores, out)
    found = pd.read_csv(out)
    assert found.columns.tolist() == ["fault", *cell, "n_classes", "roc_auc", "change"]
    assert found["fault"].tolist() == ["D1", "D2", selection.ALL_CORRECTED]
    # The second fault has no score of the class 1: its change is that of the other.
    assert found["n_classes"].tolist() == [2, 1, 2]
    assert found["roc_auc"].tolist() == pytest.approx([0.65, 0.6, 0.8])
    assert found["change"].tolist() == pytest.approx([0.05, 0.1, 0.2])
    selection.collect_deviations([table], scores[:1], out)
    assert pd.read_csv(out)["fault"].tolist() == ["D1", "D2"]


def test_what_is_the_same_in_all_scopes_is_one_deviation(tmp_path):
    cell = {
        "model": "m",
        "condition": "clean",
        "train": "a",
        "test": "b",
        "class": "NA",
    }
    both = [
        cell | {"protocol": p, "method": m, "scope": scope, "roc_auc": 0.5}
        for p in ("paper", "fixed")
        for m in ("k", "lda")
        for scope in ("global", "classwise")
    ]
    scores, table, out = (tmp_path / name for name in ("s.csv", "t.csv", "o.csv"))
    pd.DataFrame(both).to_csv(scores, index=False)
    alone = pd.DataFrame(both[:1] + both[2:4]).drop(columns="protocol")
    alone.assign(fault="D1").to_csv(table, index=False)
    selection.collect_deviations([table], [scores], out)
    found = pd.read_csv(out).groupby("fault", sort=False)[["method", "scope"]]
    cells = [["k", "global"], ["lda", "global"], ["lda", "classwise"]]
    assert [part.to_numpy().tolist() for _, part in found] == [cells, cells]
