"""Stage 2, embeddings: how large a job is, and what time and memory it asks for."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Self

#: A job may take this many times as long as the calibration says: other files decode
#: more slowly, and a node is shared.
TIME_SAFETY = 2.0

#: The same of memory.
MEMORY_SAFETY = 1.5

#: Minutes that any job gets on top: starting, and a slow file system.
START_MIN = 10

#: MB that any job gets on top: two Snakemake processes run inside it.
START_MB = 600

#: MB for each clip of a job, which holds their list in memory.
MB_PER_CLIP = 0.002

#: Clips of a job at most, so that this stays small.
CLIPS_PER_JOB = 100_000

#: What a job gets where nothing was measured, in MB.
UNKNOWN_MB = 4_000


@dataclass(frozen=True)
class Calibration:
    """What jobs of a model need, as measured on the machine that runs them.

    Parameters
    ----------
    audio_s_per_s : float
        Seconds of audio that a job embeds in a second, decoding included.
    load_s : float
        Time to load the model, in seconds.
    peak_mib : float
        Most memory of the process, in MiB.
    frames_per_audio_s : float
        Frames of a second of audio.
    threads : int
        Threads of the job that was measured.
    """

    audio_s_per_s: float
    load_s: float
    peak_mib: float
    frames_per_audio_s: float
    threads: int

    @classmethod
    def read(cls, file: Path) -> Self:
        """Read what `calibrate_model` wrote."""
        fields = json.loads(file.read_text())
        return cls(**{name: fields[name] for name in cls.__dataclass_fields__})


def audio_s_per_job(calibration: Path, minutes_per_job: float) -> float:
    """Return how much audio a job embeds in its target run time.

    Parameters
    ----------
    calibration : Path
        Written by `calibration.calibrate_model`.
    minutes_per_job : float
        Target run time, without loading the model.

    Returns
    -------
    float
        Seconds of audio.
    """
    return 60 * minutes_per_job * Calibration.read(calibration).audio_s_per_s


def n_jobs(audio_s: float, n_clips: int, audio_s_per_job: float, max_jobs: int) -> int:
    """Return how many jobs embed some clips.

    Parameters
    ----------
    audio_s : float
        Length of the clips together, in seconds.
    n_clips : int
        Their number.
    audio_s_per_job : float
        Audio that a job embeds in its target run time, in seconds.
    max_jobs : int
        Never more than that.

    Returns
    -------
    int
        At least 1, and enough that no job takes longer than its target or has more than
        `CLIPS_PER_JOB` clips, unless `max_jobs` forbids it.
    """
    by_time, by_memory = audio_s / audio_s_per_job, n_clips / CLIPS_PER_JOB
    return max(1, math.ceil(min(max(by_time, by_memory), max_jobs)))


def job_seconds(measured: Calibration, audio_s: float, n_jobs: int = 1) -> float:
    """Return how long jobs take together that share some audio, in seconds."""
    return n_jobs * measured.load_s + audio_s / measured.audio_s_per_s


def job_mb(measured: Calibration, n_clips: int) -> int:
    """Return the memory that a job of `n_clips` clips asks for at first, in MB."""
    process = MEMORY_SAFETY * measured.peak_mib * 1.048576
    return math.ceil(START_MB + process + MB_PER_CLIP * n_clips)


def runtime_min(
    plan: Path, calibrations: Sequence[Path], minutes_per_job: float, attempt: int
) -> int:
    """Return how long a job may take, in minutes.

    Parameters
    ----------
    plan : Path
        Made by `regions.plan_regions`. It may be missing.
    calibrations : sequence of Path
        Written by `calibration.calibrate_model` for each model of the experiment, that
        of the job first. They may be missing.
    minutes_per_job : float
        Target run time of a job, without loading its model.
    attempt : int
        1 at first; a job that failed gets as many times more.

    Returns
    -------
    int
        Minutes: the same for all jobs of an experiment, since the jobs of an array get
        what the first of them asks for; more only for plans with longer regions.
    """
    seconds = 60 * minutes_per_job
    if measured := _measured(plan, calibrations):
        longest = _longest_s(plan, plan.stat().st_mtime_ns)
        own_s = longest / measured[0].audio_s_per_s
        seconds = max(seconds, own_s) + max(model.load_s for model in measured)
    return attempt * math.ceil(START_MIN + TIME_SAFETY * seconds / 60)


def memory_mb(plan: Path, calibrations: Sequence[Path], attempt: int) -> int:
    """Return how much memory a job may take, in MB.

    Parameters
    ----------
    plan, calibrations, attempt
        As for `runtime_min`.

    Returns
    -------
    int
        MB, of the model that needs most, for the same reason.
    """
    measured = _measured(plan, calibrations)
    if not measured:
        return attempt * UNKNOWN_MB
    return attempt * max(job_mb(model, CLIPS_PER_JOB) for model in measured)


def _measured(plan: Path, calibrations: Sequence[Path]) -> list[Calibration]:
    """Return the calibrations that are there, or none before those of the plan are.

    Snakemake may ask while the plan is being made anew, or before other models ran.
    """
    if not (plan.exists() and calibrations[0].exists()):
        return []
    there = [file for file in calibrations if file.exists()]
    return [_calibration(file, file.stat().st_mtime_ns) for file in there]


# Snakemake asks for each job that is ready, time and again: files are read once.
@lru_cache(maxsize=64)
def _calibration(file: Path, _modified_ns: int) -> Calibration:
    return Calibration.read(file)


@lru_cache(maxsize=64)
def _longest_s(plan: Path, _modified_ns: int) -> float:
    """Return how much audio the longest region of a plan has, in seconds."""
    work = json.loads(plan.read_text()).get("work", {})
    return max((region["audio_s"] for region in work.values()), default=0.0)
