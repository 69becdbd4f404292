"""What stands in the way of a run is said before the first job, or as it is refused."""

import getpass
import logging
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from earshift import slurm
from earshift.errors import ClusterError
from earshift.slurm import preflight
from earshift.slurm.preflight import Request
from earshift.slurm.site import Site
from tests.helpers.bare import python_without_earshift
from tests.helpers.places import ROOT
from tests.helpers.waiting import wait_for
from tests.helpers.workflow import write_experiment
from tests.slurm.experiment import QUICK, environment, launcher, write_site

pytestmark = [pytest.mark.workflow, pytest.mark.timeout(600)]

LIBRARY = ROOT / "workflow" / "scripts"
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
    with caplog.at_level(logging.INFO, "earshift.slurm.preflight"):
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
        (
            {"partition": "mainn"},
            "partition",
            "Did you mean 'main'? Correct slurm/site",
        ),
        ({"gpu_partition": "x"}, "GPU partition", "no partition 'x' (known: gpu, main"),
        ({"partition": "short,x"}, "partition", "no partition 'x' (known: gpu, main"),
    ],
)
def test_names_that_the_cluster_does_not_know(tmp_path, caplog, site, what, message):
    fits, said = checked(Site(**site), [SMALL], tmp_path, caplog)
    assert not fits
    assert message in said["ERROR", what]
    assert ("INFO", "list_clips") not in said  # nothing was tried after that


def test_of_several_partitions_one_has_to_fit(cluster, tmp_path, caplog):
    cluster.run("scontrol", "update", "partition=gpu", "hidden=yes")
    try:
        site = Site(partition="short,gpu", gpu_partition="gpu", account="LAB")
        fits, said = checked(site, [SMALL, GPU], tmp_path, caplog)
    finally:
        cluster.run("scontrol", "update", "partition=gpu", "hidden=no")
    assert fits, said
    assert said["INFO", "partition"] == "'short,gpu', at most 120 min a job"
    assert said["INFO", "list_clips"] == "1 cores, 1000 MB, 10 min"
    assert said["INFO", "account"] == "'LAB'"
    long = Request("list_clips", cpus=1, memory_mb=1000, minutes=180)
    fits, said = checked(site, [long], tmp_path, caplog)
    assert not fits
    assert "'short,gpu' allows 120 min" in said["ERROR", "list_clips"]


@pytest.mark.usefixtures("cluster")
def test_a_type_of_gpu_that_snakemake_does_not_pass_on(tmp_path, caplog):
    site = Site(gpu_model="nvidia-a100")
    assert not checked(site, [GPU], tmp_path, caplog)[0]
    (said,) = (r.getMessage() for r in caplog.records if "GPU model" in r.getMessage())
    assert said.startswith("FAIL  GPU model: 'nvidia-a100': Snakemake passes on only")
    assert checked(site, [SMALL], tmp_path, caplog)[0]  # which asks for none


def test_partitions_that_are_down(cluster):
    cluster.run("scontrol", "update", "partition=short", "state=down")
    try:
        for name, fits in {"short": False, "short,main": True}.items():
            found = {c.what: c for c in preflight.quick_checks(Site(partition=name))}
            assert found["partition"].fits is fits
    finally:
        cluster.run("scontrol", "update", "partition=short", "state=up")


def test_limits_are_those_of_this_cluster_and_of_all_jobs(cluster):
    manage = ("sacctmgr", "-i")
    cluster.run(*manage, "add", "cluster", "other")
    cluster.run(*manage, "add", "account", "far", "cluster=other")
    cluster.run(*manage, "add", "account", "lab", "cluster=other")
    name = getpass.getuser()
    add = (*manage, "add", "user", name)
    cluster.run(*add, "account=far", "cluster=other")
    cluster.run(*add, "account=lab", "cluster=other", "MaxSubmitJobs=1")
    modify = (*manage, "modify", "user", name, "where", "account=lab", "cluster=local")
    try:
        assert set(slurm.accounts("local")) == {"lab", "root"}
        assert slurm.accounts("local")["lab"] is None
        cluster.run(*modify, "set", "MaxSubmitJobs=7")
        assert slurm.accounts("local")["lab"] == 7
        site = Site(account="Lab", jobs=8)
        (check,) = [c for c in preflight.quick_checks(site) if c.what == "account"]
        assert not check.fits
        assert "put 'jobs: 7' into slurm/site.yaml" in check.found
        of_gpu = ("account=lab", "cluster=local", "partition=gpu")
        cluster.run(*add, *of_gpu, "MaxSubmitJobs=3")
        assert slurm.accounts("local")["lab"] is None
    finally:
        cluster.run(*manage, "delete", "user", name, "where", "partition=gpu")
        cluster.run(*modify, "set", "MaxSubmitJobs=-1")
        cluster.run(*manage, "delete", "cluster", "other")


def test_where_accounts_cannot_be_looked_up_they_are_believed(
    cluster, tmp_path, monkeypatch
):
    for name in ("scontrol", "sbatch", "squeue", "scancel"):
        (tmp_path / name).symlink_to(cluster.state / "bin" / name)
    monkeypatch.setenv("PATH", str(tmp_path))
    checks = {check.what: check for check in preflight.quick_checks(Site(account="x"))}
    assert all(check.fits for check in checks.values())
    assert checks["account"].found == (
        "'x'; accounts cannot be looked up here: there is no command 'sacctmgr' here"
    )


def test_a_queue_that_soon_forgets_jobs_is_looked_at_more_often(
    cluster, tmp_path, caplog
):
    file = cluster.state / "slurm.conf"
    text = file.read_text()
    file.write_text(text.replace("MinJobAge=300", "MinJobAge=31"))
    cluster.run("scontrol", "reconfigure")
    try:
        assert all(check.fits for check in preflight.quick_checks(Site()))
        fits, said = checked(Site(), [SMALL], tmp_path, caplog)
    finally:
        file.write_text(text)
        cluster.run("scontrol", "reconfigure")
    assert not fits
    assert said["ERROR", "end of jobs"] == (
        "the queue keeps it for 31 s, so that it may be missed: start runs with "
        "ARGS='--slurm-init-seconds-before-status-checks 10 "
        "--seconds-between-status-checks 10'"
    )
    assert said["INFO", "trial job, software"] == "imports all that jobs need"


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
    setup = tmp_path / "setup.sh"
    setup.write_text(f"export PYTHONPATH={tmp_path}\n")
    site = Site(setup=str(setup))
    (tmp_path / "zarr.py").write_text("raise ImportError('no zarr')")
    fits, said = checked(site, [SMALL], tmp_path / "results", caplog)
    assert not fits
    assert said["ERROR", "trial job, software"].startswith(
        "cannot import zarr: put the"
    )
    setup.write_text("module load x || exit 1\n")
    fits, said = checked(site, [SMALL], tmp_path / "r", caplog)
    assert not fits
    assert "module: not found" in said["ERROR", "trial job"]


PREFLIGHT = """
import logging, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from earshift.slurm import preflight
from earshift.slurm.site import Site
logging.basicConfig(level="INFO")
request = preflight.Request("list_clips", cpus=1, memory_mb=1000, minutes=10)
sys.exit(not preflight.check_all(Site(setup=sys.argv[3]), [request], Path(sys.argv[2])))
"""


def test_a_trial_job_finds_the_library_where_it_is_not_installed(accounted, tmp_path):
    python = python_without_earshift(tmp_path / "venv")
    variables = accounted.environment
    variables.pop("PYTHONPATH", None)
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "zarr.py").write_text("raise ImportError('our own')")
    setup = tmp_path / "setup.sh"
    for line, status, said in (
        ("true", 0, "ok    trial job, software: imports all that jobs need"),
        (f"export PYTHONPATH={tmp_path / 'own'}", 1, "software: cannot import zarr"),
    ):
        setup.write_text(line + "\n")
        done = subprocess.run(
            [python, "-c", PREFLIGHT, LIBRARY, tmp_path / "results", setup],
            env=variables,
            capture_output=True,
            text=True,
            timeout=250,
        )
        assert done.returncode == status, done.stderr
        assert said in done.stderr


def test_a_trial_job_that_waits_is_not_waited_for(
    cluster, tmp_path, caplog, monkeypatch
):
    monkeypatch.setattr(preflight, "QUEUE_S", 2)
    full = cluster.run(
        *("sbatch", "--parsable", "-N2", "-n2", "--exclusive"),
        *("--output", "/dev/null", "--wrap", "sleep 60"),
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
            slurm.settle("earshift-1", [].append, away_s=1)
        (check,) = preflight.quick_checks(Site())
        assert (check.what, check.fits) == ("controller", False)
    finally:
        cluster.start_controller()


def test_jobs_are_waited_for_while_the_controller_is_away(cluster):
    job = cluster.run(
        *("sbatch", "--parsable", "--job-name", "earshift-1_2"),
        *("--output", "/dev/null", "--wrap", "sleep 99"),
    ).strip()
    wait_for(lambda: f"{job} RUNNING" in cluster.jobs(), "the start of the job")
    said = []
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(slurm.settle, "earshift-1", said.append, 0.2)
        try:
            wait_for(lambda: said, "the wait")
            cluster.stop_daemon("slurmctld")
            wait_for(lambda: len(said) > 1, "a question without an answer")
        finally:
            cluster.start_controller()
            time.sleep(1)
            ended = waiting.done()
            cluster.run("scancel", job)
        waiting.result(timeout=200)
    assert not ended
    assert "1 jobs of an earlier run still run" in said[0]
    assert said[1].endswith("(asking again for up to 600 s)")


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
    folder = write_experiment(
        tmp_path / "run", extraction={"gpu": 1}, workers={"elastic": True}
    )
    (folder / "slurm").mkdir()
    write_site(folder, account="lab", partition="short,main", gpu_partition="short")
    done = start(accounted, folder, launcher("--preflight"))
    assert done.returncode == 1  # a job of ours is longer than the partition allows
    asks = (
        "FAIL  extract_embeddings: asks for 2 cores, 4000 MB, 70 min, GPU, but 'short'"
    )
    assert asks in done.stderr
    assert "ok    find_duplicates: 4 cores, 8000 MB, 240 min" in done.stderr
    assert "cross_validate: 1 cores, 2000 MB," in done.stderr
    write_site(folder, account="lab", partition="main", gpu_partition="gpu")
    done = start(accounted, folder, launcher("--preflight"))
    assert done.returncode == 0, done.stderr[-3000:]
    assert "ok    trial job on a GPU, GPU: device 0" in done.stderr
