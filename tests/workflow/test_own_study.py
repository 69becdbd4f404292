"""A study of a user's own: a protocol, a draw, a table and a section, in one folder."""

import shutil

import pandas as pd
import pytest
import yaml

from tests.helpers.workflow import jobs_of, run, write_experiment

pytestmark = [pytest.mark.workflow, pytest.mark.timeout(1800)]

STUDY = '''
"""A study that a user might add: one value of C, few clips, and a table."""

from pathlib import Path

import pandas as pd

from earshift.studies import Protocol, Section, Study

version = 1
citation = "Nobody (2024), On few clips"

HERE = Path(__file__).parent


class Few(Protocol):
    """Few clips train, with one value of C."""

    name = "few"
    balance = "ten"
    classifier = {"C": [0.5], "n_inner_folds": 2}
    methods = ("none", "lda")


def ten(cells, seeds):
    """Draw the first five clips with the class, and without it, of each dataset."""
    return {
        name: [
            clip
            for groups in own.values()
            for clip in [c for group in groups.values() for c in group][:5]
        ]
        for name, own in cells.items()
    }


class Cells(Section):
    """The numbers of cells by protocol."""

    id = "study"
    title = "Few clips"
    template = HERE / "section.html.j2"

    def needs(self, config):
        """Return the table."""
        return ["tables/cells.csv"]

    def values(self, experiment):
        """Return the rows of the table."""
        rows = pd.read_csv(experiment.results / "tables" / "cells.csv")
        return {"cells": dict(rows.to_numpy()), "shown": experiment.tables.protocol}


class Small(Study):
    """The protocol `few`, and how many cells there are."""

    protocols = (Few(),)
    draws = {"ten": ten}
    rules = HERE / "rules.smk"
    sections = (Cells(),)

    def jobs(self, config):
        """Return the job of the table."""
        return {"count_cells": ("8 report", "tables/cells.csv")}


def make():
    """Return the study."""
    return Small()
'''

RULES = '''
"""How many cells each protocol has."""


rule count_cells:
    """Count the rows of the scores."""
    input:
        scores=rules.summarise_scores.output.scores,
    output:
        table=f"{RESULTS}/tables/cells.csv",
    log:
        f"{LOGS}/count_cells.log",
    params:
        versions={"stage": 1} | STUDY_VERSION,
    script:
        "count_cells.py"
'''

SCRIPT = """
import pandas as pd

from earshift import jobs

with jobs.running(snakemake):
    scores = pd.read_csv(snakemake.input.scores)
    counts = scores.groupby("protocol", sort=False).size().reset_index(name="n")
    counts.to_csv(snakemake.output.table, index=False)
"""

SECTION = """
<h2 id="study">Few clips</h2>
<p>{% for name, n in cells.items() %}{{ name }}: {{ n }} cells; {% endfor %}
the page shows {{ shown }}.</p>
"""


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """An experiment with the core's protocol and that of the study."""
    folder = write_experiment(
        tmp_path_factory.mktemp("own") / "x",
        study="small/study.py",
        protocols=["few", "fixed"],
        methods=["none", "lda", "mean_projection"],
        discrepancy=["domain_auc_linear"],
    )
    home = folder / "small"
    home.mkdir()
    for name, text in {
        "study.py": STUDY,
        "rules.smk": RULES,
        "count_cells.py": SCRIPT,
        "section.html.j2": SECTION,
    }.items():
        (home / name).write_text(text)
    done = run(folder)
    assert done.returncode == 0, done.stderr[-3000:]
    return folder, done


def test_its_protocol_is_in_every_table_beside_the_core_s(ran):
    folder, _ = ran
    for table in ("scores", "summary", "gaps"):
        rows = pd.read_csv(folder / "results" / "tables" / f"{table}.csv")
        methods = rows.groupby("protocol")["method"].agg(set).to_dict()
        assert methods == {
            "few": {"none", "lda"},
            "fixed": {"none", "lda", "mean_projection"},
        }, table
    home = folder / "results" / "5_scores"
    clips = {
        protocol: rows[rows["sample"].eq("all")]
        for protocol in ("few", "fixed")
        for rows in [pd.read_parquet(home / protocol / "mfcc" / "clean.parquet")]
    }
    assert set(clips["few"]["C"]) == {0.5}
    assert set(clips["fixed"]["C"]) <= {0.01, 1.0}
    assert 3 * len(clips["few"]) == 2 * len(clips["fixed"])
    drawn = pd.read_parquet(folder / "results/4_splits/draws.few.parquet")
    assert set(drawn.groupby(["fold", "class", "dataset"], observed=True).size()) == {
        10
    }
    assert not (folder / "results/4_splits/draws.fixed.parquet").exists()
    summary = pd.read_csv(folder / "results/tables/summary.csv")
    seen = summary.groupby(["method", "protocol"])["access"].unique().str[0]
    # Clips that are drawn are drawn by their labels.
    assert seen["lda"].to_dict() == {
        "few": "target_labelled",
        "fixed": "target_unlabelled",
    }


def test_its_table_is_made_and_its_section_shown(ran):
    folder, done = ran
    assert jobs_of(done, "count_cells") == 1
    page = (folder / "results/report.html").read_text()
    assert '<h2 id="study">Few clips</h2>' in page
    scores = pd.read_csv(folder / "results/tables/scores.csv")
    n = scores["protocol"].value_counts()
    assert n["few"] < n["fixed"]
    said = f"few: {n['few']} cells; fixed: {n['fixed']} cells;"
    assert said in " ".join(page.split())
    assert "the page shows fixed." in page
    assert '<li><a href="#study">Few clips</a></li>' in page


def test_nothing_is_left_and_its_job_is_counted(ran):
    folder, _ = ran
    again = run(folder)
    assert "Nothing to be done" in again.stdout + again.stderr
    said = run(folder, "--status").stdout
    (line,) = [x for x in said.splitlines() if x.startswith("  all stages")]
    jobs, finished = line.split()[2:4]
    assert jobs == finished


def test_an_edit_of_it_counts_for_its_own_scores(ran, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(ran[0], folder)
    file = folder / "small" / "study.py"
    file.write_text(STUDY.replace('"C": [0.5]', '"C": [0.25]'))
    parts = folder / "results/5_scores/fixed/mfcc/clean.parts"
    before = {path: path.stat().st_mtime_ns for path in parts.rglob("*")}
    assert len(before) > 6
    targets = [
        f"results/5_scores/{name}/mfcc/clean.parquet" for name in ("few", "fixed")
    ]
    done = run(folder, *targets)
    assert done.returncode == 0, done.stderr[-3000:]
    own = pd.read_parquet(folder / "results/5_scores/few/mfcc/clean.parquet")
    assert set(own["C"]) == {0.25}
    # What was computed for the core's protocol is kept.
    assert {path: path.stat().st_mtime_ns for path in parts.rglob("*")} == before
    assert "extract_embeddings" not in done.stdout + done.stderr


def test_a_file_that_its_section_needs_and_no_rule_makes_is_named(ran, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(ran[0], folder)
    file = folder / "small" / "study.py"
    text = file.read_text().replace('["tables/cells.csv"]', '["tables/sells.csv"]')
    file.write_text(text)
    # Snakemake takes a page that is there for one that nobody makes.
    (folder / "results" / "report.html").unlink()
    refused = run(folder)
    assert refused.returncode != 0
    assert "Missing input files for rule write_report" in refused.stderr
    assert "tables/sells.csv" in refused.stderr
    assert "[Errno" not in refused.stderr


def test_without_the_key_its_protocol_is_not_known(ran, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(ran[0], folder)
    config = yaml.safe_load((folder / "experiment.yaml").read_text())
    del config["study"]
    (folder / "experiment.yaml").write_text(yaml.safe_dump(config))
    refused = run(folder)
    assert refused.returncode != 0
    assert "there is no protocol 'few' (known: fixed, paper)" in refused.stderr
    assert "rule " not in refused.stderr
