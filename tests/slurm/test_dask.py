"""Cross-validation on several nodes: what is lost on the way changes no byte."""

import contextlib
import json
import logging
import os
import subprocess
import sys
import time

import psutil
import pytest

from tests.helpers.places import ROOT
from tests.helpers.two_domains import write_two_domains
from tests.helpers.waiting import wait_for
from tests.slurm import crossval

pytestmark = [pytest.mark.workflow, pytest.mark.timeout(900)]

log = logging.getLogger(__name__)

N_TASKS = 30


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Two datasets to train and test on."""
    folder = tmp_path_factory.mktemp("study")
    write_two_domains(folder)
    return folder


@pytest.fixture(scope="module")
def undisturbed(study, tmp_path_factory):
    """The tables of a run in one process of this machine."""
    out = tmp_path_factory.mktemp("undisturbed")
    crossval.run(study, out)
    return tables(out)


def tables(out):
    return {name: (out / name).read_bytes() for name in crossval.TABLES}


class Job:
    """A cross-validation on the cluster, under way."""

    def __init__(self, cluster, study, out, *options, variables=None, **spread):
        self.cluster, self.out = cluster, out
        out.mkdir(exist_ok=True)
        self.journal = out / "journal"
        paths = os.pathsep.join([str(ROOT / "workflow" / "scripts"), str(ROOT)])
        own = {"PYTHONPATH": paths, "JOURNAL": str(self.journal)} | (variables or {})
        script = [sys.executable, "-m", "tests.slurm.crossval", str(study), str(out)]
        answer = subprocess.run(
            [
                *("sbatch", "--parsable", "--no-requeue", "--mem", "2000", *options),
                *("--output", str(out / "job.out"), "--wrap"),
                f"exec timeout -s KILL 400 {' '.join(script)} '{json.dumps(spread)}'",
            ],
            env=cluster.environment | own,
            check=True,
            capture_output=True,
            text=True,
            timeout=200,
        )
        self.id = answer.stdout.strip()

    def lines(self, event):
        """What tasks have said so far."""
        with contextlib.suppress(FileNotFoundError):
            found = map(json.loads, self.journal.read_text().splitlines())
            return [line for line in found if line["event"] == event]
        return []

    def both_nodes_work(self):
        """Wait until a task has ended on each node."""
        wait_for(lambda: self.nodes() == {"n1", "n2"}, "a task on each node", 270)

    def nodes(self):
        """Nodes that have done tasks."""
        return {line["node"] for line in self.lines("end")}

    def state(self):
        (line,) = [x for x in self.cluster.jobs("%i %T") if x.split()[0] == self.id]
        return line.split()[1]

    def wait(self):
        """Wait until it has ended; return its state."""
        going = ("PENDING", "RUNNING", "COMPLETING")
        return wait_for(
            lambda: self.state() not in going and self.state(), "the job's end", 420
        )

    def said(self):
        return (self.out / "log").read_text()

    def nannies(self, node):
        """The process of a node that starts its workers."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                own, command = process.environ(), process.cmdline()
                if (
                    own.get("JOURNAL") == str(self.journal)
                    and own.get("SLURMD_NODENAME") == node
                    and command[1:3] == ["-m", "earshift.workers.node"]
                ):
                    found.append(process)
        return found

    def workers(self, node):
        """The processes of a node that do tasks."""
        (nanny,) = self.nannies(node)
        children = nanny.children(recursive=True)
        return [p for p in children if "spawn_main" in " ".join(p.cmdline())]

    def left(self):
        """Processes of the job that live."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.environ().get("JOURNAL") == str(self.journal):
                    found.append(process.cmdline())
        return found

    def pause_s(self, since):
        """Time until the next task ended."""
        return min(x["time"] for x in self.lines("end") if x["time"] > since) - since

    def n_lost(self):
        """How many tasks had begun and never ended where they were."""
        begun, ended = (
            {(*line["task"], line["pid"]) for line in self.lines(event)}
            for event in ("begin", "end")
        )
        return len(begun - ended)


def ends_well(job, undisturbed, fault, since):
    """The job ends with the right tables, and nothing of it is left."""
    assert job.wait() == "COMPLETED", job.said()
    assert tables(job.out) == undisturbed
    done = {(*line["task"],) for line in job.lines("end")}
    assert len(done) == N_TASKS
    wait_for(lambda: not job.left(), "the end of all processes", 100)
    log.info(
        "%s: the next result after %.1f s, the end after %.1f s, %d tasks begun again",
        *(fault, job.pause_s(since), time.time() - since, job.n_lost()),
    )


TWO_NODES = ("-N2", "-n2", "-c2", "--no-kill")


def test_killed_workers_and_a_node_without_any_change_no_byte(
    slurm, study, undisturbed, tmp_path
):
    job = Job(slurm, study, tmp_path / "out", *TWO_NODES, nodes=2)
    job.both_nodes_work()
    first = {p.pid for node in slurm.nodes for p in job.workers(node)}
    assert len(first) == 4
    job.workers("n1")[0].kill()
    killed = time.time()
    n_done = len(job.lines("end"))
    wait_for(lambda: len(job.lines("end")) > n_done + 4, "some more tasks")
    since = time.time()
    nannies, workers = job.nannies("n2"), job.workers("n2")
    for process in nannies + workers:
        process.kill()
    ends_well(job, undisturbed, "all workers of a node killed", since)
    # The worker of the first node was replaced, those of the second were not missed.
    new = [line for line in job.lines("begin") if line["pid"] not in first]
    assert {line["node"] for line in new} == {"n1"}
    replaced = min(line["time"] for line in new) - killed
    log.info("a worker killed: another took its place after %.1f s", replaced)


def test_a_node_that_goes_down_does_not_take_the_job_with_it(
    slurm, study, undisturbed, tmp_path
):
    job = Job(slurm, study, tmp_path / "out", *TWO_NODES, nodes=2)
    job.both_nodes_work()
    update = ("scontrol", "update", "nodename=n2")
    since = time.time()
    try:
        slurm.run(*update, "state=down", "reason=test")
        ends_well(job, undisturbed, "a node set down", since)
    finally:
        slurm.run(*update, "state=resume", check=False)
        wait_for(lambda: slurm.states() == ["idle", "idle"], "the node's return")
    assert "Node failure on n2" in job.said()


def test_without_any_worker_the_job_fails_and_the_next_goes_on(
    slurm, study, undisturbed, tmp_path
):
    out = tmp_path / "out"
    job = Job(slurm, study, out, *TWO_NODES, nodes=2)
    job.both_nodes_work()
    wait_for(lambda: len(list((out / "parts").glob("[!.]*"))) > 8, "some results")
    since = time.time()
    for node in slurm.nodes:
        for process in job.nannies(node) + job.workers(node):
            process.kill()
    assert job.wait() == "FAILED"
    log.info("all workers killed: the job ended after %.1f s", time.time() - since)
    assert "all workers on the 2 nodes ended before their work was done" in job.said()
    assert "n2: task 1: Killed" in job.said()
    kept = done_tasks(out)
    assert 3 < len(kept) < N_TASKS
    assert not (out / "scores.csv").exists()
    again = Job(slurm, study, out, *TWO_NODES, nodes=2)
    ends_well(again, undisturbed, "all workers killed, job run again", since)
    assert kept.items() <= done_tasks(out).items()


def done_tasks(out):
    """When the two files of each task that is done were written."""
    times = {}
    for file in sorted((out / "parts").glob("[!.]*")):
        times.setdefault(file.name.partition(".")[0], []).append(
            file.stat().st_mtime_ns
        )
    return {task: own for task, own in times.items() if len(own) == 2}


@pytest.mark.parametrize("elastic", [False, True])
def test_a_node_that_cannot_import_the_code_ends_the_job_with_its_words(
    slurm, study, tmp_path, elastic
):
    # With all of the first node taken, elastic workers run on the second.
    options = ("-N1", "-n1", "-c4", "-w", "n1") if elastic else TWO_NODES
    broken = {"BROKEN_NODE": "n2"}
    out = tmp_path / "out"
    job = Job(slurm, study, out, *options, variables=broken, nodes=2, elastic=elastic)
    assert job.wait() == "FAILED"
    assert "a node cannot import tests.slurm.crossval" in job.said()
    assert "No module named 'a_module_that_this_node_lacks'" in job.said()
    assert not job.journal.exists()
    wait_for(lambda: not slurm.live(), "the end of all jobs", 100)


WORKERS = """
import sys
from earshift import slurm
print(*(job.id for job in slurm.live_jobs(sys.argv[1])))
"""


def own_workers(cluster, id_):
    """Jobs that a job counts as its workers."""
    command = (sys.executable, "-c", WORKERS, f"cv_{id_}")
    paths = {"PYTHONPATH": str(ROOT / "workflow" / "scripts")}
    return set(cluster.run(*command, env=paths).split())


def test_elastic_workers_are_jobs_that_may_be_cancelled(
    slurm, study, undisturbed, tmp_path
):
    options = ("-N1", "-n1", "-c2", "-w", "n1", "-J", "cv", "--mem", "700")
    # Of another model's job of the same run, whose name is the same.
    other = slurm.run("sbatch", "--parsable", "-H", "-J", "cv_0_workers", "--wrap=true")
    job = Job(slurm, study, tmp_path / "out", *options, nodes=2, elastic=True)
    job.both_nodes_work()
    rows = [line.split() for line in slurm.jobs("%i %j %T %m %N")]
    name = f"cv_{job.id}_workers"
    workers = [row for row in rows if row[1] == name and row[2] == "RUNNING"]
    assert {row[3] for row in workers} == {"700M"}
    assert own_workers(slurm, job.id) == {row[0] for row in rows if row[1] == name}
    slurm.run("scancel", other.strip())
    since = time.time()
    slurm.run("scancel", *(row[0] for row in workers if row[4] == "n2"))
    ends_well(job, undisturbed, "elastic workers of a node cancelled", since)
    wait_for(lambda: not slurm.live(), "the end of all jobs", 100)
    assert not list(job.out.glob(".*"))
