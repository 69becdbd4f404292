"""Before the first job: whether a cluster takes our jobs, and they can work there."""

from __future__ import annotations

import json
import logging
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from earshift import files, slurm
from earshift.errors import ClusterError, did_you_mean
from earshift.slurm import disk
from earshift.slurm.site import SITE, Site

log = logging.getLogger(__name__)

#: Seconds that the trial job may wait in the queue before we say that it does.
QUEUE_S = 300

#: Seconds until a file of the trial job must be seen here.
LATENCY_S = 60

#: Packages that jobs import.
NEEDED = ("numpy", "pandas", "zarr", "distributed", "earshift")


@dataclass(frozen=True)
class Check:
    """What was found about one thing.

    Parameters
    ----------
    what : str
        What was looked at.
    fits : bool
        Whether a run can work with it.
    found : str
        What was found, and what to do if it does not fit.
    """

    what: str
    fits: bool
    found: str

    def __str__(self) -> str:
        """Return a line for the terminal."""
        return f"{'ok  ' if self.fits else 'FAIL'}  {self.what}: {self.found}"


@dataclass(frozen=True)
class Request:
    """What the jobs of a rule ask for at their first attempt.

    Parameters
    ----------
    rule : str
        Name of the rule.
    cpus, memory_mb, minutes, gpus, nodes : int
        Cores and MB on each node, minutes, GPUs, nodes.
    """

    rule: str
    cpus: int
    memory_mb: int
    minutes: int
    gpus: int = 0
    nodes: int = 1


def check_all(site: Site, requests: Sequence[Request], folder: Path) -> bool:
    """Look at everything that a run on a cluster needs, and log what was found.

    Parameters
    ----------
    site : Site
        Values of the site.
    requests : sequence of Request
        What the jobs of each rule ask for.
    folder : Path
        Where results will be, on a file system that all nodes see; with the plan of the
        run, if one was made.

    Returns
    -------
    bool
        Whether a run can start.
    """
    checks = []
    for check in _checks(site, requests, folder):
        log.log(logging.INFO if check.fits else logging.ERROR, "%s", check)
        checks.append(check)
    return all(check.fits for check in checks)


def _checks(site: Site, requests: Sequence[Request], folder: Path) -> Iterator[Check]:
    """Yield checks, the cheap ones first; none that cannot be right after a failure."""
    quick = list(quick_checks(site))
    yield from quick
    yield Check("disk", *disk.room_for_plan(folder))
    if not all(check.fits for check in quick):
        return
    yield _check_job_age()
    if site.gpu_model and any(request.gpus for request in requests):
        yield _check_gpu_model(site.gpu_model)
    where = {n: slurm.partitions_of(site, n) for n in {each.gpus for each in requests}}
    asked = [
        _check_request(site, where[request.gpus], what, request)
        for what, request in _distinct(requests)
    ]
    yield from asked
    if not all(check.fits for check in asked):
        return
    for gpus in sorted({min(request.gpus, 1) for request in requests}):
        yield from _try_job(site, gpus, folder)


def quick_checks(site: Site) -> Iterator[Check]:
    """Yield what can be known of a cluster in a second.

    Parameters
    ----------
    site : Site
        Values of the site.

    Yields
    ------
    Check
        Controller, account, partitions.
    """
    try:
        config = slurm.configuration()
    except ClusterError as error:
        yield Check("controller", False, str(error))
        return
    yield Check("controller", True, f"cluster '{config.get('ClusterName', '')}' is up")
    yield _check_account(site, config)
    partitions = slurm.partitions()
    for what, name in {
        "partition": site.partition,
        "GPU partition": site.gpu_partition,
    }.items():
        if name or what == "partition":
            yield _check_partition(what, name, partitions)


def _check_account(site: Site, config: Mapping[str, str]) -> Check:
    if config.get("AccountingStorageType") == "accounting_storage/none":
        fits = site.account is None
        advice = "" if fits else f": remove 'account' from {SITE}"
        return Check("account", fits, f"this cluster keeps no accounts{advice}")
    try:
        accounts = slurm.accounts(config.get("ClusterName", ""))
    except ClusterError as error:
        name = f"'{site.account}'" if site.account else "the default one"
        # What the error says to do is for those who cannot go on.
        why = str(error).split(". ")[0]
        return Check(
            "account", True, f"{name}; accounts cannot be looked up here: {why}"
        )
    if site.account is None:
        known = ", ".join(sorted(accounts)) or "none"
        return Check("account", True, f"the default one (yours: {known})")
    if site.account.lower() not in accounts:
        near = did_you_mean(site.account, accounts)
        message = f"you have no account '{site.account}' {near} Correct {SITE}."
        return Check("account", False, message)
    limit = accounts[site.account.lower()]
    if limit is not None and limit < site.jobs:
        return Check(
            "account",
            False,
            f"'{site.account}' may have {limit} jobs in the queue, but 'jobs' is "
            f"{site.jobs}: put 'jobs: {limit}' into {SITE}",
        )
    return Check("account", True, f"'{site.account}'")


def _check_partition(
    what: str, name: str | None, known: Mapping[str, slurm.Partition]
) -> Check:
    default = [p.name for p in known.values() if p.is_default]
    chosen = name or (default[0] if default else None)
    if chosen is None:
        near = did_you_mean("", known)
        message = f"there is no default one {near} Put 'partition' into {SITE}."
        return Check(what, False, message)
    names = chosen.split(",")
    for each in names:
        if each not in known:
            near = did_you_mean(each, known)
            message = f"there is no partition '{each}' {near} Correct {SITE}."
            return Check(what, False, message)
    up = [known[each] for each in names if known[each].state == "UP"]
    if not up:
        states = " and ".join(known[each].state for each in names)
        return Check(what, False, f"'{chosen}' is {states}: choose another one")
    limit = slurm.longest_min(up)
    longest = "no time limit" if limit is None else f"at most {limit} min a job"
    return Check(what, True, f"'{chosen}', {longest}")


def _check_gpu_model(model: str) -> Check:
    """Return whether Snakemake passes a type of GPU on."""
    fits = re.fullmatch(r"[A-Za-z0-9_.]+", model) is not None
    advice = (
        ""
        if fits
        else ": Snakemake passes on only letters, digits, '_' and '.'. Remove "
        f"'gpu_model' from {SITE}, and choose GPUs by 'gpu_partition'"
    )
    return Check("GPU model", fits, f"'{model}'{advice}")


def _check_job_age() -> Check:
    age_s = int(slurm.configuration().get("MinJobAge", "0").split()[0])
    # 0 is for ever.
    fits = age_s == 0 or age_s >= 3 * slurm.STATUS_EVERY_S
    often_s = max(1, age_s // 3)
    message = f"the queue keeps it for {age_s} s" if age_s else "the queue keeps it"
    advice = (
        ""
        if fits
        else ", so that it may be missed: start runs with "
        f"ARGS='--slurm-init-seconds-before-status-checks {often_s} "
        f"--seconds-between-status-checks {often_s}'"
    )
    return Check("end of jobs", fits, f"{message}{advice}")


def _distinct(requests: Sequence[Request]) -> list[tuple[str, Request]]:
    """Return requests that differ, each with the rules that make it."""
    by_size: dict[tuple[int, ...], list[Request]] = {}
    for each in requests:
        key = (each.gpus, each.nodes, each.minutes, each.memory_mb, each.cpus)
        by_size.setdefault(key, []).append(each)
    named = []
    for _, same in sorted(by_size.items()):
        others = f" and {len(same) - 1} more" if len(same) > 1 else ""
        named.append((f"{same[0].rule}{others}", same[0]))
    return named


def _check_request(
    site: Site, chosen: Sequence[slurm.Partition], what: str, request: Request
) -> Check:
    """Ask SLURM whether it would take a job; it does not look at the time limit."""
    asked = (
        f"{request.cpus} cores, {request.memory_mb} MB, {request.minutes} min"
        f"{', GPU' if request.gpus else ''}"
        f"{f', on each of {request.nodes} nodes' if request.nodes > 1 else ''}"
    )
    limit = slurm.longest_min(chosen)
    if limit is not None and request.minutes > limit:
        name = ",".join(each.name for each in chosen)
        advice = f"'{name}' allows {limit} min; choose a longer partition"
        return Check(what, False, f"asks for {asked}, but {advice}")
    options = [
        *site.options(request.gpus),
        *("--cpus-per-task", str(request.cpus), "--mem", str(request.memory_mb)),
        *("--time", str(request.minutes)),
        *("--nodes", str(request.nodes), "--ntasks-per-node", "1"),
    ]
    try:
        slurm.call("sbatch", "--test-only", *options, "--wrap", "true")
    except ClusterError as error:
        advice = (
            f"Look at 'sinfo -o \"%P %c %m %G\"', then at cpus_per_node, partitions "
            f"and gpu_model in {SITE}"
        )
        return Check(what, False, f"asks for {asked}. {error}. {advice}")
    return Check(what, True, asked)


def _try_job(site: Site, gpus: int, folder: Path) -> Iterator[Check]:
    """Run a job as a rule's would run, and compare what it sees with what we see."""
    what = "trial job on a GPU" if gpus else "trial job"
    token = files.content_key([socket.gethostname(), os.getpid(), time.time(), gpus])
    asked, answer = (folder / f".preflight.{token}.{end}" for end in ("asked", "said"))
    output = folder / f".preflight.{token}.log"
    with files.whole_file(asked) as file:
        file.write_text(token)
    command = [
        sys.executable,
        "-m",
        "earshift.slurm.preflight",
        str(asked),
        str(answer),
    ]
    try:
        with slurm.Trial(site, gpus, command, output) as trial:
            ended = trial.wait(QUEUE_S)
            if not ended:
                message = f"waits in the queue for {QUEUE_S} s ({trial.reason()})"
                yield Check(
                    what, False, f"{message}. The cluster is full, or never fits it"
                )
                return
            yield from _judge(what, token, answer, output, gpus)
    finally:
        for file in (asked, answer, output):
            file.unlink(missing_ok=True)


def _judge(
    what: str, token: str, answer: Path, output: Path, gpus: int
) -> Iterator[Check]:
    """Say what the trial job saw."""
    start = time.monotonic()
    while not answer.exists() and time.monotonic() - start < LATENCY_S:
        if output.exists() and time.monotonic() - start > 5:
            break
        time.sleep(0.2)
    if not answer.exists():
        lines = output.read_text().strip().splitlines() if output.exists() else []
        reason = " / ".join(lines[-3:]) or (
            "neither its log nor its answer is seen here: results must be on a file "
            "system that all nodes share"
        )
        yield Check(what, False, reason)
        return
    report = json.loads(answer.read_text())
    yield Check(what, True, f"ran on {report['host']} with {report['python']}")
    shared = report["token"] == token
    yield Check(
        f"{what}, files",
        shared,
        "seen both ways"
        if shared
        else "the node does not see files written here: results must be on a file "
        "system that all nodes share",
    )
    lacking = report["missing"]
    yield Check(
        f"{what}, software",
        not lacking,
        f"cannot import {', '.join(lacking)}: put the environment on a file system "
        f"that nodes see, or set 'setup' or 'software' in {SITE}"
        if lacking
        else "imports all that jobs need",
    )
    if gpus:
        seen = report["gpus"]
        yield Check(
            f"{what}, GPU",
            bool(seen),
            seen or "neither nvidia-smi nor CUDA_VISIBLE_DEVICES names one there",
        )


def answer_from_node(asked: Path, answer: Path) -> None:
    """Write what a job sees on its node.

    Parameters
    ----------
    asked : Path
        File that was written where the run is started.
    answer : Path
        JSON file to write.
    """
    missing = []
    for name in NEEDED:
        try:
            __import__(name)
        except ImportError:
            missing.append(name)
    report: dict[str, Any] = {
        "host": os.environ.get("SLURMD_NODENAME", socket.gethostname()),
        "python": sys.executable,
        "token": asked.read_text() if asked.exists() else "",
        "missing": missing,
        "gpus": _gpus(),
    }
    with files.whole_file(answer) as file:
        file.write_text(json.dumps(report))


def _gpus() -> str:
    """Return the names of the GPUs of this job."""
    if shutil.which("nvidia-smi"):
        done = subprocess.run(
            ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        if names := done.stdout.split("\n")[0].strip():
            return names
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    return f"device {visible}" if visible else ""


if __name__ == "__main__":
    answer_from_node(*map(Path, sys.argv[1:]))
