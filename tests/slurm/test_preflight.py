"""What stands in the way of a run is said before the first job, or as it is refused."""

import logging
import subprocess

import pytest

from earshift import preflight, slurm
from earshift.errors import ClusterError
from earshift.preflight import Request
from earshift.site import Site
from tests.slurm.experiment import QUICK, environment, launcher, write_site
from tests.workflow.conftest import ROOT, write_experiment

pytestmark = [pytest.mark.workflow, pytest.mark.timeout(200)]

SMALL = Request("list_clips", cpus=1, memory_mb=1000, minutes=10)
GPU = Request("extract_embeddings", cpus=2, memory_mb=2000, minutes=60, gpus=1)


@pytest.fixture
def cluster(accounted, monkeypatch):
    """A cluster with accounts that this process talks to."""
    for name, value in environment(accounted).items():
        monkeypatch.setenv(name, value)
    return accounted


def checked(site, requests, folder, caplog):
    """Whether a run can start, and what was said, by what was looked at."""
    caplog.clear()
    with caplog.at_level(logging.INFO, "earshift.preflight"):
        fits = preflight.check_all(site, requests, folder)
    lines = [record.getMessage()[6:].split(": ", 1) for record in caplog.records]
    return fits, {
        (record.levelname, what): said
        for record, (what, said) in zip(caplog.records, lines, strict=True)
    }


@pytest.mark.usefixtures("cluster")
def test_a_cluster_that_fits(tmp_path, caplog):
    site = Site(account="lab", partition="main", gpu_partition="gpu")
    fits, said = checked(site, [SMALL, GPU], tmp_path, caplog)
    assert fits
    assert {level for level, _ in said} == {"INFO"}
    assert said["INFO", "account"] == "'lab'"
    assert said["INFO", "partition"] == "'main', at most 10080 min a job"
    assert said["INFO", "GPU partition"] == "'gpu', at most 120 min a job"
    assert said["INFO", "extract_embeddings"] == "2 cores, 2000 MB, 60 min, GPU"
    assert said["INFO", "trial job, files"] == "seen both ways"
    assert said["INFO", "trial job on a GPU, GPU"] == "device 0"
    assert not list(tmp_path.iterdir())
    assert not slurm.live_jobs(slurm.run_name())


@pytest.mark.usefixtures("cluster")
@pytest.mark.parametrize(
    ("site", "what", "message"),
    [
        ({"account": "lap"}, "account", "no account 'lap' (known: lab, root). Did you"),
        ({"partition": "mainn"}, "partition", "Did you mean 'main'? Mend slurm/site"),
        ({"gpu_partition": "x"}, "GPU partition", "no partition 'x' (known: gpu, main"),
    ],
)
def test_names_that_the_cluster_does_not_know(tmp_path, caplog, site, what, message):
    fits, said = checked(Site(**site), [SMALL], tmp_path, caplog)
    assert not fits
    assert message in said["ERROR", what]
    assert ("INFO", "list_clips") not in said  # nothing was tried after that


@pytest.mark.usefixtures("cluster")
@pytest.mark.parametrize(
    ("site", "request_", "message"),
    [
        ({}, {"cpus": 64}, "Requested node configuration is not available"),
        ({}, {"memory_mb": 90_000}, "Requested node configuration is not available"),
        ({"partition": "short"}, {"minutes": 60}, "'short' allows 5 min"),
        (
            {"gpu_model": "a100"},
            {"gpus": 1},
            "at cpus_per_node, partitions and gpu_mod",
        ),
    ],
)
def test_jobs_that_no_node_could_run(tmp_path, caplog, site, request_, message):
    asked = {"cpus": 1, "memory_mb": 1000, "minutes": 5} | request_
    request = Request("cross_validate", **asked)
    fits, said = checked(Site(**site), [request], tmp_path, caplog)
    assert not fits
    assert message in said["ERROR", "cross_validate"]
    assert ("INFO", "trial job") not in said


@pytest.mark.usefixtures("cluster")
def test_software_that_a_node_lacks(tmp_path, caplog):
    site = Site(setup=f"export PYTHONPATH={tmp_path}")
    (tmp_path / "zarr.py").write_text("raise ImportError('no zarr')")
    fits, said = checked(site, [SMALL], tmp_path / "results", caplog)
    assert not fits
    assert said["ERROR", "trial job, software"].startswith(
        "cannot import zarr: put the"
    )
    fits, said = checked(Site(setup="module load x"), [SMALL], tmp_path / "r", caplog)
    assert not fits
    assert "module: not found" in said["ERROR", "trial job"]


def test_a_trial_job_that_waits_is_not_waited_for(
    cluster, tmp_path, caplog, monkeypatch
):
    monkeypatch.setattr(preflight, "QUEUE_S", 2)
    full = cluster.run(
        *("sbatch", "--parsable", "-N2", "-n2", "--exclusive", "--wrap", "sleep 60")
    )
    try:
        fits, said = checked(Site(), [SMALL], tmp_path, caplog)
        assert not fits
        assert "waits in the queue for 2 s (" in said["ERROR", "trial job"]
    finally:
        cluster.run("scancel", full.strip())


def test_a_controller_that_does_not_answer(cluster):
    cluster.stop_daemon("slurmctld")
    try:
        with pytest.raises(ClusterError, match="SLURM refused 'squeue --noheader': "):
            slurm.live_jobs("earshift-1")
        (check,) = preflight.quick_checks(Site())
        assert (check.what, check.fits) == ("controller", False)
    finally:
        cluster.start_controller()


def start(cluster, folder, command):
    """A command that has to end by itself."""
    return subprocess.run(
        ["timeout", "-s", "KILL", "150", *command],
        cwd=folder,
        env=environment(cluster),
        capture_output=True,
        text=True,
    )


def test_a_run_says_before_its_first_job_what_is_wrong(accounted, tmp_path):
    folder = write_experiment(tmp_path / "run")
    (folder / "slurm").mkdir()
    write_site(folder, account="lap")
    done = start(accounted, folder, launcher(*QUICK))
    assert done.returncode == 1
    assert "Error: account: you have no account 'lap' (known: lab, root)" in done.stderr
    assert "Submitted" not in done.stderr
    plain = ["snakemake", "--snakefile", str(ROOT / "Snakefile"), "--profile"]
    plain += [str(ROOT / "slurm"), "--configfile", "experiment.yaml", *QUICK]
    limit = ("sacctmgr", "-i", "modify", "account", "lab", "set")
    accounted.run(*limit, "GrpSubmitJobs=0")
    try:
        # Without the launcher, SLURM says it; the run ends, though jobs are retried.
        write_site(folder, account="lab")
        done = start(accounted, folder, [*plain, "--until", "list_clips"])
        assert done.returncode == 1
        assert "job submit limit" in done.stderr
    finally:
        accounted.run(*limit, "GrpSubmitJobs=-1")
    write_site(folder, partition="mainn")
    done = start(accounted, folder, [*plain, "--until", "list_clips"])
    assert done.returncode == 1
    assert "invalid partition specified: mainn" in done.stderr


def test_the_rule_checks_what_the_experiments_rules_ask_for(accounted, tmp_path):
    folder = write_experiment(tmp_path / "run", extraction={"gpu": 1})
    (folder / "slurm").mkdir()
    write_site(folder, account="lab", partition="main", gpu_partition="short")
    done = start(accounted, folder, launcher("--preflight"))
    assert done.returncode == 1  # a job of ours is longer than the partition allows
    asks = (
        "FAIL  extract_embeddings: asks for 2 cores, 4000 MB, 70 min, GPU, but 'short'"
    )
    assert asks in done.stderr
    assert "ok    measure_deviations: 4 cores, 8000 MB, 720 min" in done.stderr
    write_site(folder, account="lab", partition="main", gpu_partition="gpu")
    done = start(accounted, folder, launcher("--preflight"))
    assert done.returncode == 0, done.stderr[-3000:]
    assert "ok    trial job on a GPU, GPU: device 0" in done.stderr
