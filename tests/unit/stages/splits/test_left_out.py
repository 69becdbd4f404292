import numpy as np
import pandas as pd
import pytest

from earshift import names
from earshift.errors import DataError
from earshift.stages.splits import left_out
from earshift.tables import CLASSES


def table(n=12, **labels):
    """Clips of six recordings, and which of them have each class (others lack it)."""
    rows = {"clip_id": [f"c{i}" for i in range(n)]}
    rows["recording"] = [f"r{i // 2}" for i in range(n)]
    for name, having in labels.items():
        prefix, _, c = name.rpartition("__")
        present = pd.array(np.isin(np.arange(n), having), dtype="boolean")
        rows[f"{prefix or 'label'}:{c}"] = present
    return pd.DataFrame(rows)


def two():
    """`a` has sax, `b` saxophone; both have flute and viola."""
    return {
        "a": table(sax=range(4), flute=range(4, 8), viola=range(8, 12)),
        "b": table(saxophone=range(3), flute=range(3, 6), viola=range(5, 12)),
    }


def row(found, c, dataset):
    return found.set_index(["class", "dataset"]).loc[(c, dataset)]


def test_every_class_of_every_dataset_is_in_the_table():
    found = left_out.survey(two())
    assert list(found.columns) == CLASSES.names
    assert list(found["class"].unique()) == ["flute", "sax", "saxophone", "viola"]
    assert (found.groupby("class")["dataset"].agg(list).map(tuple) == ("a", "b")).all()
    used = found.groupby("class")["used"].agg(["all", "any"])
    assert list(used.index[used["all"]]) == ["flute", "viola"]
    assert list(used.index[used["any"]]) == ["flute", "viola"]
    sax = row(found, "sax", "a")
    assert (sax["n_present"], sax["n_absent"], sax["n_unknown"]) == (4, 8, 0)
    assert (sax["recordings_present"], sax["recordings_absent"]) == (2, 4)
    assert sax["n_negatives"] == 4
    assert sax["reason"] == "cannot be used in b"
    lacking = row(found, "sax", "b")
    assert lacking["reason"] == "not labelled"
    assert lacking["near"] == "saxophone"
    assert (lacking["n_present"], lacking["n_unknown"]) == (0, 12)
    assert (found.loc[found["used"], "reason"] == "").all()


def test_only_clips_without_a_class_in_use_are_negatives_and_only_of_known_labels():
    tables = two()
    tables["a"].loc[0, "label:flute"] = True
    tables["a"].loc[1, ["label:flute", "label:viola"]] = pd.NA
    tables["a"].loc[2, "label:flute"] = pd.NA
    assert row(left_out.survey(tables), "sax", "a")["n_negatives"] == 2


def test_a_sentence_names_clips_negatives_and_the_near_name():
    said = left_out.sentences(left_out.survey(two()))
    assert said == [
        "sax (a: 4 clips, 4 kept as negatives; did you mean 'saxophone' of b?): not "
        "labelled in b.",
        "saxophone (b: 3 clips, 3 kept as negatives; did you mean 'sax' of a?): not "
        "labelled in a.",
    ]


def test_classes_of_one_reason_share_a_sentence_and_many_are_cut_short():
    tables = two()
    for i in range(20):
        tables["a"][f"label:x{i:02d}"] = tables["a"]["label:flute"]
    said = left_out.sentences(left_out.survey(tables))
    assert len(said) == 2
    assert said[0].endswith("and 13 more: not labelled in b.")
    asked = left_out.sentences(left_out.survey(two(), asked=["flute"]))
    assert asked[-1] == (
        "viola (a: 4 clips, 4 kept as negatives; b: 7 clips, 6 kept as negatives): not "
        "among 'classes' in the config."
    )


def test_what_the_alignment_does_not_name_is_said():
    tables = two() | {"c": table(flute=[1], viola=[2], unused__banjo=[4, 5])}
    found = left_out.survey(tables)
    banjo = row(found, "banjo", "c")
    assert banjo["reason"] == "no rule of the alignment names it"
    assert (banjo["n_present"], banjo["n_negatives"]) == (2, 2)
    assert left_out.sentences(found)[0] == (
        "banjo (c: 2 clips, 2 kept as negatives): no rule of the alignment names it "
        "(c)."
    )


def test_a_reason_of_the_folds_leaves_the_class_out_everywhere():
    found = left_out.survey(two(), {("flute", "b"): "few recordings"})
    assert row(found, "flute", "b")["reason"] == "few recordings"
    assert row(found, "flute", "a")["reason"] == "cannot be used in b"
    assert row(found, "sax", "a")["n_negatives"] == 4


def test_names_are_kept_as_written_through_the_file(tmp_path):
    tables = {n: table(NA=[1], **{"01": [2]}) for n in ("None", "1")}
    found = left_out.survey(tables)
    found.to_csv(tmp_path / "classes.csv", index=False)
    pd.testing.assert_frame_equal(CLASSES.read(tmp_path / "classes.csv"), found)


def test_datasets_without_a_common_class_are_refused_with_near_names():
    tables = {"a": table(sax=[1], Flute=[2]), "b": table(saxophone=[1], flute=[2])}
    with pytest.raises(DataError) as raised:
        left_out.check_shared(tables, [])
    said = str(raised.value)
    assert "a, b have no class in common: a has Flute, sax; b has flute" in said
    assert "'sax' of a and 'saxophone'" in said
    assert "'alignment'" in said
    with pytest.raises(DataError, match=r"class 'sax' is not labelled .* not in b"):
        left_out.check_shared(two(), ["sax"])


@pytest.mark.parametrize(
    ("name", "others", "expected"),
    [
        ("sax", ["saxophone", "flute"], ["saxophone"]),
        ("Cello", ["cello", "celli"], ["cello", "celli"]),
        ("dog_bark", ["dog bark", "siren"], ["dog bark"]),
        ("clarinett", ["clarinet"], ["clarinet"]),
        ("viola", ["violin", "organ"], []),
        ("a", ["ab", "a"], []),
    ],
)
def test_near_names(name, others, expected):
    assert names.near(name, others) == expected
