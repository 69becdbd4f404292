"""What clusters do to jobs: the run goes on, and its store has the same bytes."""

import json
import logging
import sys
import time

import pytest

from earshift.runs import status
from earshift.slurm import run_name
from tests.helpers.places import ROOT
from tests.helpers.waiting import wait_for
from tests.helpers.workflow import run
from tests.slurm.experiment import (
    DONE,
    QUICK,
    REGIONS,
    STORE,
    Driver,
    all_run,
    copy_of,
    environment,
    extractions,
    launcher,
    prepare,
    store_bytes,
    write_site,
)

pytestmark = [pytest.mark.workflow, pytest.mark.timeout(1200)]


log = logging.getLogger(__name__)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """An experiment whose clips are to be embedded."""
    return prepare(tmp_path_factory.mktemp("prepared") / "run")


@pytest.fixture(scope="module")
def undisturbed(prepared, tmp_path_factory):
    """The store of a run on this machine."""
    folder = copy_of(prepared, tmp_path_factory.mktemp("undisturbed") / "run")
    (folder / "hold").unlink()
    done = run(folder, *DONE)
    assert done.returncode == 0, done.stderr[-3000:]
    return store_bytes(folder)


@pytest.fixture
def folder(prepared, tmp_path, slurm):
    """A copy of the experiment to be run; no job is left afterwards."""
    copy = copy_of(prepared, tmp_path / "run")
    yield copy
    for job in slurm.live():
        slurm.run("scancel", job)
    wait_for(lambda: not slurm.live(), "the end of all jobs")


def recovered(driver, folder, undisturbed, since):
    """Let the networks go on; the run ends well, with the right store."""
    (folder / "hold").unlink()
    assert driver.wait() == 0, driver.log.read_text()[-4000:]
    assert store_bytes(folder) == undisturbed
    log.info("recovered after %.0f s", time.monotonic() - since)


def test_jobs_are_an_array_on_nodes_with_a_gpu(slurm, folder, undisturbed):
    driver = Driver(slurm, folder)
    all_run(slurm, folder)
    (array,) = {job.split("_")[0] for job in extractions(slurm)}
    assert {job.split("_")[1] for job in extractions(slurm)} < {"1", "2", "3"}
    # One GPU on each node: the third task waits, and each has one.
    assert len(extractions(slurm, "PENDING")) == 1
    for job in extractions(slurm):
        assert "GRES=gpu:1(IDX:0)" in slurm.run("scontrol", "-d", "show", "job", job)
    nodes = slurm.jobs("%i|%T|%N")
    used = {line.split("|")[2] for line in nodes if "|RUNNING|" in line}
    assert used == {"n1", "n2"}
    recovered(driver, folder, undisturbed, time.monotonic())
    assert driver.log.read_text().count("Submitted array job") == 1
    assert array in driver.log.read_text()


def test_more_jobs_than_the_queue_may_hold(slurm, folder, undisturbed):
    write_site(folder, jobs=2)
    driver = Driver(slurm, folder)
    all_run(slurm, folder)
    assert not extractions(slurm, "PENDING")
    recovered(driver, folder, undisturbed, time.monotonic())


def test_a_cancelled_job_is_done_again(slurm, folder, undisturbed):
    driver = Driver(slurm, folder)
    all_run(slurm, folder)
    slurm.run("scancel", extractions(slurm)[0])
    recovered(driver, folder, undisturbed, time.monotonic())
    assert driver.says("ended as CANCELLED")


def test_a_job_that_needs_more_memory_gets_it(slurm, folder, undisturbed):
    driver = Driver(slurm, folder)
    start = time.monotonic()
    all_run(slurm, folder)
    told = slurm.run("squeue", "-h", "-o", "%m", "-j", extractions(slurm)[0])
    asked = int(told.strip().removesuffix("M"))
    (folder / "memory").write_text(str(asked))
    recovered(driver, folder, undisturbed, start)
    assert driver.says("ended as FAILED")
    rows = [line.split("|") for line in slurm.jobs("%j|%m|%T")]
    own = [row[1:] for row in rows if row[0].startswith(run_name(folder))]
    given = {(state, round(int(mb.removesuffix("M")) / asked)) for mb, state in own}
    assert given >= {("FAILED", 1), ("COMPLETED", 2)}


def test_jobs_stop_in_time_or_when_told_and_the_next_go_on(slurm, folder, undisturbed):
    (folder / "pace").write_text("5")  # two of 24 windows at a time: 60 s
    driver = Driver(slurm, folder, "--set-resources", "extract_embeddings:runtime=1")
    all_run(slurm, folder)
    (folder / "hold").unlink()
    wait_for(
        lambda: sum("/12 clips, " in log_of(folder, region) for region in REGIONS) == 2,
        "the first clips of two jobs",
    )
    slurm.run("scancel", "--full", "--signal=USR1", extractions(slurm)[0])
    kept = {}
    for why in ("SIGUSR1 came", "its time is nearly over"):
        region = wait_for(lambda why=why: stopped(folder, why), why, 270)
        kept[region] = said_of(folder, "begun", region)
        assert 0 < kept[region]["clips"] < 12
    (folder / "pace").unlink()
    assert driver.wait() == 0, driver.log.read_text()[-4000:]
    assert store_bytes(folder) == undisturbed
    records = status.read_records(folder / "logs/results")
    for region, begun in kept.items():
        assert "of 12 clips embedded before" in log_of(folder, region)
        assert not (folder / f"{STORE}.begun/{region}.json").exists()
        done = said_of(folder, "done", region)
        assert done["spent"]["seconds"] > begun["spent"]["seconds"]
        # The record of the last attempt, with what SLURM gave it.
        said = records["extract_embeddings", f"clear/held/clean/{region}"]
        assert said["state"] == "done"
        assert said["asked"] == {"cpus": 2, "minutes": 1} | said["asked"]
        assert int(said["slurm_job"].partition("_")[0]) > 1
        assert said["earlier"]["attempts"] >= 1


def said_of(folder, ending, region):
    """What the jobs of a region keep in a file beside the store."""
    return json.loads((folder / f"{STORE}.{ending}/{region}.json").read_text())


def log_of(folder, region):
    """What the jobs of a region have said."""
    log = folder / f"logs/results/extract_embeddings/clear/held/clean/{region}.log"
    return log.read_text() if log.exists() else ""


def stopped(folder, why):
    """The region whose job has stopped for a reason."""
    for region in REGIONS:
        if f"{why}. " in log_of(folder, region):
            return region
    return None


def test_a_node_that_goes_down_takes_no_job_with_it(slurm, folder, undisturbed):
    driver = Driver(slurm, folder)
    all_run(slurm, folder)
    update = ("scontrol", "update", "nodename=n1")
    try:
        slurm.run(*update, "state=down", "reason=test")
        recovered(driver, folder, undisturbed, time.monotonic())
        assert driver.says("ended as NODE_FAIL")
    finally:
        # It may have come back by itself.
        slurm.run(*update, "state=resume", check=False)
        wait_for(lambda: slurm.states() == ["idle", "idle"], "the node's return")


def test_a_controller_that_restarts_is_waited_for(slurm, folder, undisturbed):
    driver = Driver(slurm, folder)
    all_run(slurm, folder)
    slurm.stop_daemon("slurmctld")
    start = time.monotonic()
    (folder / "hold").unlink()
    time.sleep(5)
    (folder / "hold").touch()
    slurm.start_controller()
    recovered(driver, folder, undisturbed, start)


def test_a_killed_drivers_jobs_are_waited_for_and_never_doubled(
    slurm, folder, undisturbed
):
    first = Driver(slurm, folder)
    all_run(slurm, folder)
    alive = set(extractions(slurm))
    first.kill()
    assert set(extractions(slurm)) == alive  # they have outlived it
    # Snakemake alone refuses, even when it is told to ignore its lock.
    alone = slurm.run(
        *(
            "timeout",
            "-s",
            "KILL",
            "60",
            "snakemake",
            "--snakefile",
            ROOT / "Snakefile",
        ),
        *("--configfile", "experiment.yaml", "--profile", ROOT / "slurm", "--nolock"),
        *(*DONE, *QUICK),
        check=False,
        cwd=folder,
        env=environment(slurm),
        timeout=70,
    )
    assert alone.returncode == 1
    assert "jobs of an earlier run in this folder still live" in alone.stderr
    start = time.monotonic()
    second = Driver(slurm, folder)
    wait_for(lambda: second.says("2 extract_embeddings); waiting"), "the wait", 180)
    assert second.says("Cancelled 1 jobs of an earlier run")
    assert set(extractions(slurm)) == alive
    assert not extractions(slurm, "PENDING")
    recovered(second, folder, undisturbed, start)
    # What the first run's jobs embedded was not embedded again.
    assert len(set((folder / "journal").read_text().split())) == 3


def test_a_run_as_a_job_hands_over_before_its_time_ends(slurm, folder, undisturbed):
    start = time.monotonic()
    slurm.run(*launcher("--submit", *DONE, *QUICK), cwd=folder, env=environment(slurm))
    all_run(slurm, folder)
    alive = set(extractions(slurm))
    (first,) = drivers(slurm, "RUNNING")
    slurm.run("scancel", "--batch", "--signal=USR1", first)
    wait_for(lambda: first not in drivers(slurm, "RUNNING"), "the end of the first")
    (second,) = wait_for(lambda: drivers(slurm, "RUNNING"), "the second", 270)
    assert second != first
    told = folder / ".snakemake" / "driver" / f"driver-{second}.log"
    wait_for(lambda: told.exists() and "; waiting" in told.read_text(), "its wait", 180)
    assert set(extractions(slurm)) == alive
    (folder / "hold").unlink()
    wait_for(lambda: not drivers(slurm, "RUNNING"), "the end of the run", 360)
    assert store_bytes(folder) == undisturbed
    log.info("recovered after %.0f s", time.monotonic() - start)


def drivers(cluster, state):
    """Ids of the runs that are jobs."""
    rows = [line.split("|") for line in cluster.jobs("%i|%T|%j")]
    return [i for i, s, name in rows if s == state and name.endswith("-driver")]


TASK = """
from earshift import slurm
print(slurm.own_id(), slurm.time_left_s(), flush=True)
"""


def test_each_task_of_an_array_knows_its_own_end(slurm, tmp_path):
    (tmp_path / "task.py").write_text(TASK)
    job = slurm.run(
        *("sbatch", "--parsable", "--array=1-2", "--time=3", "--wait"),
        *("--output", tmp_path / "%a.out"),
        *("--wrap", f"{sys.executable} {tmp_path / 'task.py'}"),
        env={"PYTHONPATH": str(ROOT / "workflow" / "scripts")},
    ).strip()
    for task in (1, 2):
        own, left = (tmp_path / f"{task}.out").read_text().split()
        assert own == f"{job}_{task}"
        assert 100 < float(left) <= 181
