"""The settings that made a result lie beside it."""

import json
import re
from pathlib import Path

import pytest

from earshift import import_path
from earshift.jobs import recorded

SCRIPTS = Path(import_path.FOLDER)


def made(results="results", **changes):
    params = {
        "versions": {"stage": 1, "plugin": 2},
        "methods": {"none": {"plugin": "none"}, "lda": {"plugin": "lda"}},
        "parts": f"{results}/5_scores/parts",
        "seed": 0,
    } | changes
    inputs = [f"{results}/a.csv", f"{import_path.PROJECT}/page.j2", "data/clips.csv"]
    return recorded.settings(params, inputs, results)


@pytest.fixture
def output(tmp_path):
    file = tmp_path / "5_scores" / "clean.parquet"
    file.parent.mkdir()
    recorded.write(file, made())
    return file


def test_the_record_lies_beside_the_output_and_can_be_read(output):
    assert [f.name for f in output.parent.iterdir()] == [".settings"]
    (file,) = (output.parent / ".settings").iterdir()
    assert file.name == "clean.parquet.json"
    assert json.loads(file.read_text()) == {
        "params": {
            "versions": {"stage": 1, "plugin": 2},
            "methods": {"none": {"plugin": "none"}, "lda": {"plugin": "lda"}},
            "parts": "{results}/5_scores/parts",
            "seed": 0,
        },
        "input": ["data/clips.csv", "{project}/page.j2", "{results}/a.csv"],
    }


@pytest.mark.parametrize("results", ["results", "results/", "/disk/of/others", "../r"])
def test_the_place_of_the_results_makes_no_difference(output, results):
    assert recorded.differences(output, made(results.rstrip("/"))) == []


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"seed": 1}, ["seed"]),
        ({"seed": "0"}, ["seed"]),
        ({"versions": {"stage": 2, "plugin": 2}}, ["versions"]),
        ({"versions": {"stage": 1, "plugin": 3}, "seed": 3}, ["seed", "versions"]),
        ({"methods": {"none": {"plugin": "none"}}}, ["methods"]),
        # The tables are in the order of the methods.
        (
            {"methods": {"lda": {"plugin": "lda"}, "none": {"plugin": "none"}}},
            ["methods"],
        ),
        ({"parts": "resultsother/5_scores/parts"}, ["parts"]),
        ({"classes": ["x"]}, ["classes"]),
    ],
)
def test_what_differs_is_named(output, changes, found):
    assert recorded.differences(output, made(**changes)) == found


def test_other_files_make_a_difference(output):
    now = made()
    now["input"].append("{results}/b.csv")
    assert recorded.differences(output, now) == ["input"]


def test_files_of_the_software_count_by_their_contents(tmp_path):
    file = tmp_path / "lib/python3/site-packages/net/weights"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"1")
    own = SCRIPTS / "earshift" / "__init__.py"
    before = recorded.contents_of(file, own)
    assert set(before) == {
        "{packages}/net/weights",
        "{project}/workflow/scripts/earshift/__init__.py",
    }
    output = tmp_path / "clean.parquet"
    recorded.write(output, made(contents=before))
    # The same package in another environment, and newer.
    other = tmp_path / "other/dist-packages/net/weights"
    other.parent.mkdir(parents=True)
    other.write_bytes(b"1")
    now = made(contents=recorded.contents_of(other, own))
    assert recorded.differences(output, now) == []
    other.write_bytes(b"2")
    now = made(contents=recorded.contents_of(other, own))
    assert recorded.differences(output, now) == ["contents"]


def test_records_from_before_contents_were_looked_at_still_hold(output):
    page = "{project}/page.j2"
    now = made(contents={page: "1" * 64, "{packages}/net/weights": "2" * 64})
    now["input"].remove(page)
    old = json.loads(recorded.record_of(output).read_text())
    old["input"].append("{project}/.venv/lib/python3/site-packages/net/weights")
    recorded.write(output, old)
    assert recorded.differences(output, now) == []
    now["params"]["contents"] = {"{project}/other.j2": "1" * 64}
    assert recorded.differences(output, now) == ["input"]


@pytest.mark.parametrize("text", [None, "", "[]", '{"params": 1}', "not JSON"])
def test_without_a_record_the_settings_are_unknown(output, text):
    record = recorded.record_of(output)
    record.unlink()
    if text is not None:
        record.write_text(text)
    assert recorded.differences(output, made()) == [recorded.UNKNOWN]


def test_every_job_leaves_a_record():
    adapters = [
        file
        for file in SCRIPTS.glob("*/*.py")
        if re.search(r"^    snakemake: Snakemake$", file.read_text(), re.MULTILINE)
    ]
    assert len(adapters) > 30
    for file in adapters:
        assert "jobs.running(snakemake)" in file.read_text(), file.name
