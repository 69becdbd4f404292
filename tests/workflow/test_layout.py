"""Every file that a rule writes lies where the list of paths says."""

import shutil

import pytest

from earshift import layout
from earshift.runs.job_list import RULES
from earshift.studies.ismir2023 import layout as study_layout
from tests.helpers.places import ROOT
from tests.helpers.workflow import snakemake, write_experiment

pytestmark = [pytest.mark.workflow, pytest.mark.timeout(1800)]

STUDY_RULES = {
    *("measure_deviations", "collect_deviations", "tabulate_study", "draw_study"),
}

#: Rules that an experiment has if it asks for few labels, the parts of gaps, or how
#: embeddings move.
ASKED = {
    *("score_few_labels", "summarise_few_labels", "draw_few_labels"),
    *("decompose_gaps", "gather_decompositions", "draw_decomposition"),
    *("measure_sensitivity", "score_sensitivity"),
    *("summarise_sensitivity", "draw_sensitivity"),
}


def patterns(module):
    """What matches the paths of each pattern of a list."""
    texts = [v for k, v in vars(module).items() if k.isupper() and isinstance(v, str)]
    return [layout.regex(text) for text in texts]


def outputs(folder, results, *targets):
    """Rule and path in the results of every file of a run, done or not."""
    done = snakemake(folder, *targets, "-n", "--summary")
    assert done.returncode == 0, done.stderr[-3000:]
    head, *rows = [
        line.split("\t") for line in done.stdout.splitlines() if "\t" in line
    ]
    assert head[:3] == ["output_file", "date", "rule"]
    files = [(row[2], row[0]) for row in rows if row[0].startswith(f"{results}/")]
    return [(rule, file.removeprefix(f"{results}/")) for rule, file in files]


def test_every_output_of_the_core_is_in_the_list(finished):
    found = outputs(finished[0], "results", "all", "audit", "plan")
    known = patterns(layout)
    assert [f for _, f in found if not any(p.fullmatch(f) for p in known)] == []
    rules = {rule for rule, _ in found}
    others = {"import_embeddings", "draw_balanced"} | ASKED
    assert rules == RULES.keys() - others | {"estimate_run", "audit_embeddings"}


def test_every_output_that_must_be_asked_for_is_in_the_list(tmp_path):
    asked = {"methods": ["none", "lda"]}
    folder = write_experiment(
        tmp_path,
        few_labels=asked,
        decomposition=asked,
        conditions={"clean": None, "gain": {"strengths": [6]}},
        sensitivity={"conditions": ["gain"]},
    )
    found = outputs(folder, "results", "all")
    known = patterns(layout)
    own = [file for rule, file in found if rule in ASKED]
    assert {rule for rule, _ in found} >= ASKED
    assert [file for file in own if not any(p.fullmatch(file) for p in known)] == []


def test_every_output_of_the_study_is_in_the_list_of_either(tmp_path):
    source = ROOT / "workflow" / "experiments" / "ismir2023_miniature.yaml"
    shutil.copy(source, tmp_path / "experiment.yaml")
    results = "results/ismir2023_miniature"
    found = outputs(tmp_path, results, f"{results}/{layout.REPORT}")
    own, known = patterns(study_layout), patterns(layout)
    other = [
        (rule, file)
        for rule, file in found
        if not any(p.fullmatch(file) for p in (own if rule in STUDY_RULES else known))
    ]
    assert other == []
    assert {rule for rule, _ in found} >= STUDY_RULES | {"draw_balanced"}
