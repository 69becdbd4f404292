"""What a method declares: how it is compared, what it needs, and what it cannot do."""

import logging

import pytest

from earshift import debias, registry
from earshift.debias import Method
from earshift.errors import ConfigError
from earshift.runs import settings
from earshift.stages.report.sections import sources
from tests.helpers.cheats import END, START
from tests.helpers.config import SCHEMA, minimal
from tests.helpers.plugins import written
from tests.helpers.two_domains import (
    discrepancy_table,
    measure,
    run,
    summarised,
    write_two_domains,
)

NONE = {"none": {"plugin": "none"}}


@pytest.fixture
def entries(tmp_path):
    """Two datasets, of which the second is shifted."""
    return write_two_domains(tmp_path)


CANNOT = """

def cannot(*, source, target, datasets):
    {}
"""


def with_cannot(tmp_path, rule):
    text = START.format(access="target_unlabelled") + "class Cheat(Base): pass\n" + END
    return {"own": written(tmp_path, "own", text + CANNOT.format(rule))}


def measured_and_summarised(tmp_path, entries, methods):
    """Tables of stages 5 to 7: summary, gaps, discrepancy."""
    run(tmp_path, entries, methods=methods)
    options = {"n_resamples": 99, "confidence": 0.9}
    tables = summarised(tmp_path, methods, **options)
    measure(tmp_path, entries, methods)
    found = discrepancy_table(tmp_path, methods, **options)
    of_auc = [t[t["metric"] == "roc_auc"] for t in (tables["summary"], tables["gaps"])]
    return [*of_auc, found]


def directions_of(table):
    own = table[table["method"] == "own"]
    return set(zip(own["train"], own["test"], strict=True))


@pytest.mark.parametrize(
    ("rule", "served", "gaps", "is_measured", "where"),
    [
        (
            "return 'it maps one of three' if len(datasets) < 3 else None",
            set(),
            set(),
            False,
            "",
        ),
        (
            "return 'it goes one way' if (source, target) == ('b', 'a') else None",
            {("a", "a"), ("a", "b"), ("b", "b")},
            {("a", "b")},
            True,
            " (trained on b, tested on a)",
        ),
        (
            "return 'it needs two' if source == target else None",
            {("a", "b"), ("b", "a")},
            set(),
            True,
            " (trained on a, tested on a; trained on b, tested on b)",
        ),
        (
            "return 'it stays at home' if source != target else None",
            {("a", "a"), ("b", "b")},
            set(),
            False,
            " (trained on a, tested on b; trained on b, tested on a)",
        ),
    ],
)
def test_what_a_method_cannot_serve_has_no_rows_and_a_reason(
    tmp_path, entries, caplog, rule, served, gaps, is_measured, where
):
    own = with_cannot(tmp_path, rule)
    with caplog.at_level(logging.INFO):
        tables = measured_and_summarised(tmp_path, entries, NONE | own)
    assert directions_of(tables[0]) == served
    assert directions_of(tables[1]) == gaps
    assert (tables[2]["method"] == "own").any() == is_measured
    assert (tables[0]["method"] == "none").sum() == 4
    reason = rule.split("'")[1]
    assert f"the method 'own': no result{where}: {reason}" in caplog.text
    config = {"datasets": {"a": None, "b": None}, "methods": NONE | own}
    config |= {"study": None, "protocols": ["fixed"], "scopes": ["global"]}
    config |= {"splits": {"balance": "none"}}
    _, described = sources.describe_methods(config, share_subgroup=True)
    assert described["note"] == f"There is no result{where}: {reason}."


def test_a_method_that_needs_subgroups_says_where_there_are_none():
    config = {"datasets": {"a": None, "b": None}, "protocols": ["fixed"]}
    config |= {"study": None, "scopes": ["global"], "splits": {"balance": "none"}}
    config["methods"] = {n: {"plugin": n} for n in ("lda", "mlda", "mklda")}
    for shared, n_notes in ((True, 0), (False, 2)):
        rows = sources.describe_methods(config, share_subgroup=shared)
        noted = [row["name"] for row in rows if "one subgroup" in row["note"]]
        assert noted == ["mlda", "mklda"][:n_notes]


@pytest.mark.parametrize(
    ("fact", "message"),
    [
        ("needs_subgroups = 'genre'", "needs_subgroups = 'genre', which must be True"),
        ("cannot = 3", "a function 'cannot' that is not called as"),
        (
            "def cannot(source): return None",
            "a function 'cannot' that is not called as",
        ),
        (
            "def cannot(*, source, target, datasets): return True",
            "must return a reason in words, or None, got True",
        ),
        (
            "def cannot(*, source, target, datasets): return {}[target]",
            "'cannot' of the method .*own.py' fails for .*'a'.*KeyError",
        ),
    ],
)
def test_a_fact_that_cannot_be_is_refused(tmp_path, fact, message):
    text = START.format(access="none") + "class Cheat(Base): pass\n" + END
    entry = written(tmp_path, "own", f"{text}\n{fact}\n")
    with pytest.raises(ConfigError, match=message):
        Method.of("own", entry).left_out(["a", "b"])
    config = minimal(methods=NONE | {"own": entry})
    with pytest.raises(ConfigError):  # before any job
        settings.resolve(config, SCHEMA)


def test_a_method_has_what_its_entry_and_its_plugin_say():
    entry = {"plugin": "klda", "n_components": 2}
    method = Method.of("narrow", entry)
    assert method.task == {
        "method": "narrow",
        "method_entry": entry,
        "method_version": registry.load("debias", "klda").version,
    }
    assert method.options["n_components"] == 2
    assert method.options["map"] == "fastfood"
    assert method.compared_with == ("none", "k")
    assert method.access == "target_unlabelled"
    assert method.looks_at_domains
    assert not method.needs_subgroups
    assert method.left_out(["a", "b", "c"]) == []
    assert method.directions(["a", "b"]) == [(0, 0), (0, 1), (1, 0), (1, 1)]
    kernel, correction = method.two_steps()
    assert kernel.n_components == 2
    assert isinstance(correction, debias.LDA)
    assert not Method.of("none", {"plugin": "none"}).looks_at_domains
