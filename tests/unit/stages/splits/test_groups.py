"""Which recordings are one: by a common name, and by copies."""

import numpy as np
import pandas as pd
import pytest

from earshift.stages.splits import groups
from earshift.tables import SHARED

NO_PAIRS = pd.DataFrame(
    [], columns=["dataset_a", "recording_a", "dataset_b", "recording_b"]
)


def tables(**recordings):
    return {
        name: pd.DataFrame(
            {"clip_id": [f"{name}{i}" for i in range(len(own))], "recording": own}
        )
        for name, own in recordings.items()
    }


def pairs(*rows):
    return pd.DataFrame(rows, columns=NO_PAIRS.columns)


def found(all_tables, namespaces=None, duplicates=NO_PAIRS):
    table = groups.find(all_tables, namespaces or {}, duplicates)
    assert tuple(table.columns) == groups.COLUMNS
    return table.set_index("clip_id")["group"]


def test_equal_names_are_one_recording_in_a_common_namespace_alone():
    three = tables(a=["1", "1", "2"], b=["1", "3"], c=["1"])
    group = found(three, {"a": "freesound", "b": "freesound"})
    assert group["a0"] == group["a1"] == group["b0"] == "freesound:1"
    assert group["c0"] == "c/1"
    assert group.nunique() == 4
    assert found(three).nunique() == 5
    assert found(three, {"a": "x", "b": "y", "c": "z"}).nunique() == 5


def test_a_dataset_that_is_called_as_a_namespace_is_not_in_it():
    group = found(tables(freesound=["1"], b=["1"]), {"b": "freesound"})
    assert group["freesound0"] != group["b0"]


def test_copies_join_recordings_within_and_across_datasets():
    two = tables(a=["r0", "r1", "r2", "r3"], b=["r0", "x", "y"])
    joined = pairs(("a", "r0", "a", "r1"), ("a", "r1", "b", "x"), ("b", "y", "b", "y"))
    group = found(two, duplicates=joined)
    assert group["a0"] == group["a1"] == group["b1"] == "a/r0"
    assert group[["a2", "a3", "b0", "b2"]].tolist() == ["a/r2", "a/r3", "b/r0", "b/y"]
    assert found(two, duplicates=None).nunique() == 7


def test_a_chain_of_copies_and_names_is_one_group():
    # By name from a to b, by a copy on to c, and by another back into a.
    three = tables(a=["1", "2", "3"], b=["1"], c=["q"])
    joined = pairs(("b", "1", "c", "q"), ("c", "q", "a", "3"))
    group = found(three, {"a": "fs", "b": "fs"}, joined)
    assert group["a0"] == group["b0"] == group["c0"] == group["a2"] == "c/q"
    assert group["a1"] == "fs:2"


def test_copies_of_recordings_that_are_not_in_use_join_nothing():
    two = tables(a=["r0", "r1"], b=["x"])
    joined = pairs(("a", "r0", "b", "gone"), ("b", "gone", "a", "r1"))
    assert found(two, duplicates=joined).nunique() == 3


def test_other_datasets_do_not_change_the_name_of_a_group():
    two = tables(a=["r0", "r1"], b=["x"])
    three = tables(a=["r0", "r1"], b=["x"], aa=["r0", "z"])
    assert found(three)[["a0", "a1", "b0"]].equals(found(two))


def test_a_group_that_swallows_a_dataset_is_told_with_numbers(caplog):
    names = [f"r{i}" for i in range(40)]
    chain = [("a", f"r{i}", "a", f"r{i + 1}") for i in range(12)]
    table = groups.find(tables(a=names, b=["x"]), {}, pairs(*chain))
    assert "a: copies join 13 of 40 recordings, 13 of 40 clips" in caplog.text
    assert "duplicates.csv" in caplog.text
    assert list(groups.large(table)) == [
        {"dataset": "a", "recordings": 13, "of_recordings": 40}
        | {"clips": 13, "of_clips": 40}
    ]
    caplog.clear()
    few = groups.find(tables(a=names, b=["x"]), {}, pairs(*chain[:3]))
    assert few["group"].nunique() == 38
    assert not caplog.text


ROWS = [f"{i}" for i in range(1, 200)]
IDS = [str(i * 7919 % 400_000) for i in range(1, 200)]


@pytest.mark.parametrize(
    ("a", "b", "told"),
    [
        (ROWS, ROWS[:150], False),  # numbers of rows
        ([f"rec{i:03d}" for i in range(90)], [f"rec{i:03d}" for i in range(50)], False),
        ([f"{i // 9}-{i % 9}" for i in range(80)],) * 2 + (False,),
        (IDS, IDS[:6] + [str(400_000 + i) for i in range(90)], True),
        (IDS, IDS[:4] + [str(400_000 + i) for i in range(90)], False),  # a few
        ([f"{x}_live" for x in "abcdefgh"],) * 2 + (True,),
        ([f"a{i * 7919}b" for i in range(9)],) * 2 + (True,),
        (["9" * 400 + str(i) for i in range(9)],) * 2 + (True,),
    ],
)
def test_names_that_agree_though_they_need_not_are_told(a, b, told, caplog):
    group = found(tables(a=a, b=b))
    assert group.nunique() == len(a) + len(b)
    assert ("names of recordings in common" in caplog.text) == told
    assert ("recordings: freesound" in caplog.text) == told


def test_names_that_are_declared_are_no_cause_for_a_warning(caplog):
    found(tables(a=IDS, b=IDS[:50]), {"a": "freesound", "b": "freesound"})
    assert not caplog.text


def splits_of(rows):
    columns = ["repeat", "fold", "clip_id", "tests"]
    return {name: pd.DataFrame(own, columns=columns) for name, own in rows.items()}


def test_what_is_shared_is_counted_by_pair_reason_and_fold():
    three = tables(a=["1", "1", "2", "3"], b=["1", "4", "5"], c=["q"])
    joined = pairs(("a", "2", "b", "4"), ("a", "2", "a", "3"))
    clips = groups.find(three, {"a": "fs", "b": "fs"}, joined)
    rows = {
        "a": [(0, 0, "a0", True), (0, 0, "a1", True), (0, 1, "a2", False)],
        "b": [(0, 0, "b0", False), (0, 1, "b1", True), (0, 1, "b2", True)],
        "c": [(0, 0, "c0", True)],
    }
    rows["a"] += [(0, 1, "a3", False)]
    found = groups.shared(clips, splits_of(rows))
    assert found.columns.tolist() == SHARED.names
    assert found.to_numpy().tolist() == [
        ["a", "a", "copy", 0, 1, 1, 0, 0, 2, 0],
        ["a", "b", "recording", 0, 0, 1, 2, 0, 0, 1],
        ["a", "b", "copy", 0, 1, 1, 0, 1, 2, 0],
    ]


def test_nothing_shared_is_a_table_without_rows():
    clips = groups.find(tables(a=["1"], b=["2"]), {}, None)
    rows = {"a": [(0, 0, "a0", True)], "b": [(0, 0, "b0", True)]}
    found = groups.shared(clips, splits_of(rows))
    assert found.columns.tolist() == SHARED.names
    assert np.size(found) == 0
