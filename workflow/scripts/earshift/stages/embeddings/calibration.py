"""Stage 2, embeddings: how fast a model is on this machine, and in what memory."""

from __future__ import annotations

import json
import logging
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import soundfile

from earshift import files, models, provenance
from earshift.stages.embeddings import extraction, region_files, regions

log = logging.getLogger(__name__)

RATE_HZ = 44_100

#: Length of a clip in seconds; longer for a model whose window is.
CLIP_S = 10.0

#: Rounds have four times as many clips each, until one takes this long, in seconds: a
#: slow model embeds two clips, a fast one fills many batches.
ENOUGH_S = 1.0

#: Clips of a round at most.
MOST_CLIPS = 128


def calibrate_model(
    name: str,
    entry: Mapping[str, Any],
    *,
    versions: Mapping[str, int],
    n_threads: int,
    out: Path,
) -> None:
    """Embed a little audio, as extraction jobs do, and write how that went.

    Parameters
    ----------
    name : str
        Name of the model in the experiment.
    entry : mapping
        Its config entry.
    versions : mapping
        Versions of the stage and of the model's plugin.
    n_threads : int
        Threads of an extraction job.
    out : Path
        JSON file to write: the fields of `planning.Calibration`; `bytes_per_audio_s`,
        of frames as float32; the machine, and versions of packages.
    """
    model = models.from_entry(entry)
    load_s, n_clips = None, n_threads
    with tempfile.TemporaryDirectory(prefix="earshift-") as folder:
        while True:
            table = _write_clips(Path(folder), model, n_clips)
            plan = Path(folder) / f"{n_clips}.plan.json"
            regions.plan_regions(
                name,
                entry,
                table=table,
                versions=versions,
                location=Path(folder) / f"{n_clips}.zarr",
                dtype="float32",
                pooling=(),
                audio_s_per_job=np.inf,
                max_jobs=1,
                plan=plan,
            )
            what = f"{name}: calibration"
            skipped, spent = extraction.fill_region(
                what, model, plan, "000000", n_threads
            )
            load_s = spent["load_s"] if load_s is None else load_s
            work_s = spent["seconds"] - spent["load_s"]
            if work_s >= ENOUGH_S or n_clips >= MOST_CLIPS:
                break
            n_clips *= 4
        rows = region_files.read_region(plan, "000000")
    for reason in skipped.values():
        log.warning("%s: a clip failed: %s", what, reason)
    audio_s = regions.audio_s(rows)
    frames_per_audio_s = float(rows["n_frames"].sum()) / audio_s
    figures = {
        "model": name,
        "plugin": model.name,
        "versions": dict(versions),
        "audio_s": audio_s,
        "audio_s_per_s": audio_s / work_s,
        "load_s": load_s,
        "peak_mib": spent["peak_mib"],
        "frames_per_audio_s": frames_per_audio_s,
        "bytes_per_audio_s": 4 * model.spec.n_features * frames_per_audio_s,
        "threads": n_threads,
        "machine": machine(),
        "provenance": provenance.provenance(),
    }
    log.info(
        "%s: %.1f s of audio a second, %.1f s to load, %d MiB",
        *(name, figures["audio_s_per_s"], load_s, spent["peak_mib"]),
    )
    with files.whole_file(out) as file:
        file.write_text(json.dumps(figures, indent=1) + "\n")


def _write_clips(folder: Path, model: models.Model, n_clips: int) -> Path:
    """Write a file with a tone in noise, and a clip table that has it `n_clips` times.

    Two channels in FLAC: what decoding usually costs is part of the speed.
    """
    audio = folder / "calibration.flac"
    least = model.spec.window_s or model.spec.min_s
    n_samples = round(RATE_HZ * max(CLIP_S, 2 * least))
    noise = np.random.default_rng(0).standard_normal((n_samples, 2))
    tone = np.sin(2 * np.pi * 440 / RATE_HZ * np.arange(n_samples))
    soundfile.write(audio, 0.3 * tone[:, None] + 0.05 * noise, RATE_HZ)
    state = audio.stat()
    table = folder / "clips.parquet"
    pd.DataFrame(
        {
            "clip_id": [str(i) for i in range(n_clips)],
            "path": str(audio),
            "status": "ok",
            "n_bytes": state.st_size,
            "modified_ns": state.st_mtime_ns,
            "n_samples": n_samples,
            "sample_rate_hz": RATE_HZ,
        }
    ).to_parquet(table, index=False)
    return table


def machine() -> dict[str, Any]:
    """Return what a speed depends on: `cpu`, `cores` that may be used, `gpus`."""
    cpu, known = "unknown", Path("/proc/cpuinfo")
    for line in known.read_text().splitlines() if known.exists() else []:
        if line.startswith("model name"):
            cpu = line.partition(":")[2].strip()
            break
    gpus: list[str] = []
    if asks := shutil.which("nvidia-smi"):
        query = [asks, "--query-gpu=name", "--format=csv,noheader"]
        done = subprocess.run(query, capture_output=True, text=True, check=False)
        gpus = done.stdout.splitlines() if done.returncode == 0 else []
    cores = len(os.sched_getaffinity(0))
    return {"cpu": cpu, "cores": cores, "gpus": gpus}
