"""Speed of the pre-trained models, from audio files to embeddings in the store.

    python benchmarks/models.py [--models yamnet,vggish] [--weights DIR]
        [--precision float32,bfloat16] [--files wav] [--threads 2] [--seconds 8]
        [--json OUT]

Forty files of 10 s at 44.1 kHz, mono WAV or stereo FLAC, are synthesised in a temporary
folder. "files" is the rate from files to written frames, in seconds of audio
per second of wall clock and of CPU; "bare" is the rate of the compiled network alone,
on windows in memory, called from as many threads; their ratio is the efficiency of the
pipeline. All are warm: loading and compiling are not counted. Models without a file in
--weights get seeded random weights, which are as fast. "times" compares with the
original, measured warm with two threads on two cores.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile

from earshift import models
from earshift.models import Model
from earshift.models._batches import Batch, call_ahead, fill_batches, number
from earshift.stages.embeddings import extraction, region_files, regions

N_FILES, DURATION_S, RATE_HZ = 40, 10, 44_100

#: Name -> plugin, options, weights file, speed of the original in audio-s/s.
MODELS = {
    "yamnet": ("yamnet", {}, "yamnet.h5", 27.0),
    "musicnn": ("musicnn", {}, None, 8.8),
    "vggish": ("vggish", {}, "vggish_model.ckpt", 33.0),
    "openl3": (
        "openl3",
        {"input_repr": "mel256", "hop_s": 1.0},
        "openl3_audio_mel256_music-v0_4_0.h5.gz",
        6.6,
    ),
    "mfcc": ("mfcc", {}, None, None),
}


def write_files(folder: Path, ending: str) -> pd.DataFrame:
    """Write mono WAV or stereo FLAC files; return their clip table."""
    rng = np.random.default_rng(0)
    rows = []
    t = np.arange(DURATION_S * RATE_HZ) / RATE_HZ
    for i in range(N_FILES):
        tone = sum(
            np.sin(2 * np.pi * 110 * 2 ** (i / 12) * k * t) / k for k in (1, 2, 3)
        )
        noise = rng.standard_normal((len(t), 2 if ending == "flac" else 1))
        sound = 0.1 * tone[:, None] * np.exp(-(t[:, None] % 1)) + 0.01 * noise
        path = folder / f"{i:02d}.{ending}"
        soundfile.write(path, sound, RATE_HZ)
        rows.append((path.stem, str(path), path.stat().st_size))
    table = pd.DataFrame(rows, columns=["clip_id", "path", "n_bytes"])
    facts = {"status": "ok", "modified_ns": 0, "n_samples": len(t)}
    facts |= {"sample_rate_hz": RATE_HZ, "duration_s": float(DURATION_S)}
    return table.assign(**facts)


def entry_of(name: str, weights: Path | None, precision: str) -> dict:
    """Return the config entry of a model."""
    plugin, options, file, _ = MODELS[name]
    given = weights / file if weights and file else None
    if given and given.is_file():
        options = options | {"weights": str(given)}
    elif file:
        plugin = f"random_{plugin}"
    return {"plugin": plugin, "precision": precision} | options


def ready(entry: dict) -> Model:
    """Return a model, loaded and compiled."""
    model = models.from_entry(entry)
    model.warm_up()
    return model


def bare_rate(model: Model, n_threads: int, at_least_s: float) -> float:
    """Return audio-seconds per second of the network on windows in memory."""
    spec = model.spec
    rng = np.random.default_rng(0)
    shape = (2 * spec.batch_size, spec.framing.window)
    windows = 0.1 * rng.standard_normal(shape, np.float32)
    pieces = number([windows], 0, len(windows))
    batches = list(fill_batches(pieces, spec.batch_size, spec.framing.window))

    def until_time_is_up():
        while time.perf_counter() - start < at_least_s:
            yield from batches

    def call(batch: Batch) -> int:
        return len(model.network(batch.windows))

    start = time.perf_counter()
    n_windows = sum(call_ahead(call, until_time_is_up(), n_threads, n_threads + 1))
    return n_windows * spec.hop_s / (time.perf_counter() - start)


def file_rates(
    entry: dict, model: Model, clips: pd.DataFrame, n_threads: int, at_least_s: float
) -> tuple[float, float]:
    """Return audio-seconds per second of wall clock and of CPU, files to store."""
    n_clips, spent, cpu = 0, 0.0, 0.0
    while spent < at_least_s:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            clips.to_parquet(folder / "clips.parquet", index=False)
            plan = folder / "clean.plan.json"
            regions.plan_regions(
                "model",
                entry,
                table=folder / "clips.parquet",
                versions={},
                location=folder / "clean.zarr",
                dtype="float32",
                pooling=[],
                audio_s_per_job=len(clips) * DURATION_S,
                max_jobs=1,
                plan=plan,
            )
            (region,) = region_files.named_in(plan)
            start, start_cpu = time.perf_counter(), time.process_time()
            skipped, _ = extraction.fill_region("bench", model, plan, region, n_threads)
            spent += time.perf_counter() - start
            cpu += time.process_time() - start_cpu
        n_clips += len(clips)
        assert not skipped, skipped
        # Fast models get longer runs, in which the first and last batch matter less.
        if spent < at_least_s / 4 and len(clips) < 20 * N_FILES:
            clips = pd.concat([clips] * 4, ignore_index=True)
            clips["clip_id"] = [f"{i}" for i in range(len(clips))]
            n_clips, spent, cpu = 0, 0.0, 0.0
    return n_clips * DURATION_S / spent, n_clips * DURATION_S / cpu


def main() -> None:
    """Print one line per model and precision."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", default=",".join(MODELS))
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--precision", default="float32,bfloat16")
    parser.add_argument("--files", choices=["wav", "flac"], default="wav")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=8, help="of each measure")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    head = (
        "model    precision  files/wall  files/CPU    bare  efficiency  original  times"
    )
    sys.stdout.write(head + "\n")
    results = []
    with (
        tempfile.TemporaryDirectory() as name,
        extraction.limit_threads(1, options.threads),
    ):
        table = write_files(Path(name), options.files)
        for model_name in options.models.split(","):
            original = MODELS[model_name][3]
            for precision in options.precision.split(","):
                if model_name == "mfcc" and precision != "float32":
                    continue
                entry = entry_of(model_name, options.weights, precision)
                model, how = ready(entry), (options.threads, options.seconds)
                bare = bare_rate(model, *how)
                wall, cpu = file_rates(entry, model, table, *how)
                sys.stdout.write(
                    f"{model_name:8s} {precision:9s} {wall:11.1f} {cpu:10.1f} "
                    f"{bare:7.1f} {wall / bare:11.2f} {original or '-':>9} "
                    f"{wall / original if original else np.nan:6.1f}\n"
                )
                sys.stdout.flush()
                results.append(
                    {
                        "model": model_name,
                        "precision": precision,
                        "audio_s_per_wall_s": wall,
                        "audio_s_per_cpu_s": cpu,
                        "bare_audio_s_per_s": bare,
                        "efficiency": wall / bare,
                        "original_audio_s_per_s": original,
                    }
                )
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
