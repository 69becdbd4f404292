import pandas as pd
import pytest

from earshift import datasets, registry, resources
from earshift.datasets import irmas
from earshift.errors import ConfigError, DataError
from earshift.evaluation.protocol import FIXED
from earshift.miniature import openmic_tables
from earshift.stages.splits import alignment
from tests.helpers import corpora


def written(tmp_path, text):
    file = tmp_path / "a.yaml"
    file.write_text(text)
    return file


def clips(**labels):
    table = pd.DataFrame({"clip_id": range(len(next(iter(labels.values()))))})
    for name, values in labels.items():
        table[f"label:{name}"] = pd.array(values, dtype="boolean")
    return table


def aligned(rule, table):
    found = alignment.align(table, {"x": rule}, "d")
    assert [c for c in found if c.startswith("label:")] == ["label:x"]
    return [None if v is pd.NA else bool(v) for v in found["label:x"]]


def test_two_labels_become_one_class():
    table = clips(gac=[1, 0, 0, None, None], gel=[0, 1, 0, 0, 1], pia=[0, 0, 1, 0, 0])
    rule = alignment.Rule(("gac", "gel"))
    # An unknown label with no present one beside it leaves the class unknown.
    assert aligned(rule, table) == [True, True, False, None, True]


def test_another_label_can_make_a_class_unknown():
    table = clips(guitar=[1, 0, 0, 1, None], strings=[0, 1, 0, 1, 0])
    rule = alignment.Rule(("guitar",), unknown=("strings",))
    assert aligned(rule, table) == [True, None, False, True, None]


def test_absence_can_be_bound_to_labels():
    table = clips(voice=[1, 0, 0, None], piano=[1, 1, 0, 1])
    rule = alignment.Rule(("voice",), absent=("piano",))
    assert aligned(rule, table) == [True, False, None, False]
    assert aligned(alignment.Rule(("voice",), absent=()), table) == [True, *[None] * 3]


def test_an_unknown_label_is_named_with_the_nearest():
    with pytest.raises(DataError, match=r"'guitr' of dataset 'd'.*mean 'guitar'"):
        alignment.align(clips(guitar=[1]), {"x": alignment.Rule(("guitr",))}, "d")


def test_a_file_gives_rules_by_dataset_or_plugin(tmp_path):
    found = alignment.read(
        written(
            tmp_path,
            "classes:\n  guitar:\n    irmas: [gac, gel]\n    mine:\n"
            "      present: guitar\n      unknown: strings\n  voice: {irmas: voi}\n",
        )
    )
    by_plugin = alignment.rules_of(found, "mini_irmas", "irmas")
    assert by_plugin == {
        "guitar": alignment.Rule(("gac", "gel")),
        "voice": alignment.Rule(("voi",)),
    }
    assert alignment.rules_of(found, "mine", "irmas") == {
        "guitar": alignment.Rule(("guitar",), unknown=("strings",))
    }
    assert alignment.rules_of(found, "theirs", "table") is None
    assert str(by_plugin["guitar"]) == "gac or gel"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("guitar: {irmas: gac}", "has one key, 'classes'"),
        ("classes: []", "has one key, 'classes'"),
        ("classes: {guitar: gac}", "guitar: must map datasets to labels"),
        ("classes: {guitar: {irmas: []}}", "guitar: irmas: needs 'present'"),
        ("classes: {guitar: {irmas: {prezent: gac}}}", "Did you mean 'present'"),
        ("classes: {guitar: {irmas: [gac, gac]}}", "'gac' is listed twice"),
        ("classes: {no: {irmas: no}}", "must be a label or a list of them, got False"),
    ],
)
def test_a_wrong_file_is_refused(tmp_path, text, message):
    with pytest.raises(ConfigError, match=message):
        alignment.read(written(tmp_path, text))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            b"classes:\n  guitar:\n\tirmas: gac\n",
            r"a.yaml' cannot be read: line 3: .*tab",
        ),
        (b"classes:\n  caf\xe9: {irmas: gac}\n", r"a.yaml', line 2: the byte 0xe9"),
        (b"classes:\n  a: {x: b}\n  a: {y: c}\n", "line 3: the key 'a' is there twice"),
        (b"classes:\n  a: {x: b}\n  A: {y: c}\n", "'a' and 'A' differ only by case"),
        (b"classes:\n  a: {x: b}\n  'a ': {y: c}\n", "'a' and 'a ' differ only by"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_with_the_line(
    tmp_path, content, message
):
    (tmp_path / "a.yaml").write_bytes(content)
    with pytest.raises(ConfigError, match=message):
        alignment.read(tmp_path / "a.yaml")


def test_labels_are_compared_as_those_of_datasets(tmp_path):
    file = written(tmp_path, "classes: {caf\u00e9 bar: {d: [' cafe\u0301\u00a0bar']}}")
    rules = alignment.rules_of(alignment.read(file), "d", "table")
    table = clips(**{"caf\u00e9 bar": [1, 0]})
    found = alignment.align(table, rules, "d")
    assert found["label:caf\u00e9 bar"].tolist() == [True, False]


def test_a_misspelt_dataset_is_refused(tmp_path):
    file = written(tmp_path, "classes: {guitar: {irms: gac}}")
    with pytest.raises(ConfigError, match=r"'irms' is no dataset.*mean 'irmas'"):
        alignment.check_names(alignment.read(file), ["irmas", "openmic"], file)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"no alignment 'instrument'.*'instruments'"):
        alignment.location("instrument")
    with pytest.raises(ConfigError, match="there is no alignment file"):
        alignment.location(str(tmp_path / "no.yaml"))


def labels_of(plugin, folder):
    """All labels of a dataset, from a tiny corpus in its layout."""
    if plugin.startswith("irmas"):
        return set(irmas.INSTRUMENTS.values())
    if plugin == "openmic":
        return {*openmic_tables.OPENMIC_CLASSES}
    corpus = getattr(corpora, f"write_{plugin}")(folder / plugin)
    found = registry.load("datasets", plugin).list_clips(corpus)
    return set(datasets.classes(found.clips))


def test_every_alignment_that_ships_names_labels_that_there_are(tmp_path):
    files = sorted(resources.resource("alignments").glob("*.yaml"))
    assert {"instruments", "urban_sounds"} <= {file.stem for file in files}
    for file in files:
        assert alignment.location(file.stem) == file
        named = {}
        for rules in alignment.read(file).values():
            for plugin, rule in rules.items():
                named.setdefault(plugin, set()).update(rule.labels)
        for plugin, labels in named.items():
            assert labels <= labels_of(plugin, tmp_path / file.stem), plugin


def listed(tmp_path, split=None):
    table = clips(gac=[1, 0, 0, 1], gel=[0, 1, 0, 0]).assign(
        clip_id=list("abcd"),
        recording=list("abcd"),
        subgroup=["rock", "jazz", None, "rock"],
        split=split,
        status=["ok", "ok", "ok", "silent"],
        path="x.wav",
    )
    table.to_parquet(tmp_path / "t.parquet")
    return tmp_path / "t.parquet"


def run(tmp_path, file=None, subgroups=(), split=None, official=False):
    out = tmp_path / "labels.parquet"
    alignment.align_labels(
        *("mini", "irmas", listed(tmp_path, split)),
        alignment=file,
        subgroups=subgroups,
        used_by=[FIXED],
        official=official,
        out=out,
    )
    return pd.read_parquet(out)


def test_labels_are_those_of_usable_clips(tmp_path):
    found = run(tmp_path)
    assert found["clip_id"].tolist() == ["a", "b", "c"]
    assert list(found) == [
        *("clip_id", "recording", "subgroup", "split"),
        *("label:gac", "label:gel"),
    ]
    found = run(tmp_path, written(tmp_path, "classes: {guitar: {irmas: [gac, gel]}}"))
    assert found["label:guitar"].tolist() == [True, True, False]
    assert "label:gac" not in found


def test_clips_of_other_subgroups_and_of_none_are_left_out(tmp_path):
    assert run(tmp_path, subgroups=["rock", "folk"])["clip_id"].tolist() == ["a"]
    with pytest.raises(DataError, match=r"of the subgroups folk \(its own: rock, jazz"):
        run(tmp_path, subgroups=["folk"])


def test_clips_on_no_side_of_an_official_split_are_left_out(tmp_path):
    split = ["train", None, "test", "test"]
    assert len(run(tmp_path, split=split)) == 3
    assert run(tmp_path, split=split, official=True)["clip_id"].tolist() == ["a", "c"]
    # Where there is no official split at all, the stage of splits says so.
    assert len(run(tmp_path, official=True)) == 3
