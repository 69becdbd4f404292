"""A whole experiment by `snakemake --profile slurm`, as it is typed."""

import subprocess

import pytest

from tests.helpers.workflow import clone, tables, write_experiment
from tests.slurm.experiment import QUICK, environment, write_site

pytestmark = [pytest.mark.workflow, pytest.mark.timeout(1800)]

#: Two nodes with two workers each, and a GPU for the jobs that run the model.
CLUSTER = {
    "extraction": {"minutes_per_job": 1e-4, "max_jobs": 2, "gpu": 1},
    "workers": {"nodes": 2, "per_node": 2, "memory_mb": 1000},
}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A copy of the project, whose default experiment is a small one."""
    root = clone(tmp_path_factory.mktemp("project") / "earshift")
    write_experiment(root, **CLUSTER)
    (root / "experiment.yaml").replace(root / "config.yaml")
    write_site(root, partition="main", gpu_partition="gpu")
    return root


def test_the_tables_are_those_of_one_machine(slurm, project, finished):
    done = subprocess.run(
        ["timeout", "-s", "KILL", "600", "snakemake", "--profile", "slurm", *QUICK],
        cwd=project,
        env=environment(slurm) | {"PYTHONPATH": str(project / "workflow" / "scripts")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    expected, found = tables(finished[0]), tables(project)
    assert {"scores.csv", "summary.csv", "gaps.csv", "discrepancy.csv"} < set(expected)
    assert list(found) == list(expected)
    for name, content in expected.items():
        assert found[name] == content, name
    assert (project / "results" / "report.html").exists()
    jobs = [line.split("|") for line in slurm.jobs("%i|%P|%N|%k|%T")]
    assert {row[-1] for row in jobs} == {"COMPLETED"}
    with_gpu = {"calibrate_model", "extract_embeddings"}
    for job, partition, _, comment, _ in jobs:
        rule = comment.removeprefix("rule_").split("_wildcards_")[0]
        assert partition == ("gpu" if rule in with_gpu else "main"), rule
        asked = "TresPerJob=gres:gpu:1" in slurm.run("scontrol", "show", "job", job)
        assert asked == (rule in with_gpu), rule
    # The regions of a dataset are one array.
    extracted = [row for row in jobs if "extract_embeddings" in row[3]]
    assert len(extracted) == 4
    assert all("_" in row[0] for row in extracted)
    (scored,) = [row for row in jobs if "cross_validate" in row[3]]
    assert scored[2] == "n[1-2]"
    asked = slurm.run("squeue", "-h", "-t", "all", "-j", scored[0], "-o", "%D %C %m")
    assert asked.split() == ["2", "4", "2000M"]
    log = project / "logs/results/cross_validate/fixed/mfcc/clean.log"
    assert "starting 2 workers on each of 2 nodes" in log.read_text()
