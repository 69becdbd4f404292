"""Cost of the corpus's size: time, memory and files of stages 1 to 3, per clip.

    python benchmarks/scale.py [--clips 1000 10000] [--no-stage-1] [--read 1000000]
                               [--dag 8 200]

A synthetic manifest lists the same few files again and again, each time as another
clip, and the model does almost nothing, so that everything except the model is
measured. Every step runs in a process of its own, on two threads, like a job.
"""

import argparse
import json
import multiprocessing
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile

from earshift import provenance, store
from earshift.stages.clips import inspection, listing
from earshift.stages.embeddings import extraction, indexing, region_files, regions
from earshift.stages.features import pool as features

ROOT = Path(__file__).resolve().parents[1]
RATE_HZ, LENGTH_S, N_FILES = 16_000, 0.5, 256
JOBS = 8

#: One window per clip, and 128 features that cost nothing.
MODEL = """
import numpy as np
from earshift.models import Framing, ModelSpec
env, version, licence, citation = "analysis", 1, "", ""
def spec():
    framing = Framing(window=8_000, hop=8_000)
    return ModelSpec(
        sample_rate_hz=16_000, framing=framing, n_features=128, batch_size=256
    )
def network(spec):
    return lambda windows: windows[:, :128] * np.float32(1)
"""


def say(line):
    """Write a line to the terminal at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def worst(function, jobs_):
    """Run a function once per job; return jobs, seconds, CPU seconds and most MiB."""
    found = [measured(function, *job)[:3] for job in jobs_]
    seconds, cpu, peak = zip(*found, strict=True)
    return len(jobs_), sum(seconds), sum(cpu), max(peak)


def measured(function, *arguments):
    """Run a function in a new process; return s, CPU s, MiB at most, its result."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        return pool.apply(_measure, (function, arguments))


def _measure(function, arguments):
    start, cpu = time.perf_counter(), time.process_time()
    found = function(*arguments)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return time.perf_counter() - start, time.process_time() - cpu, peak, found


def write_manifest(folder, n):
    """Write `N_FILES` sounds, and a list of clips that names them over and over."""
    rng = np.random.default_rng(0)
    sounds = []
    for i in range(N_FILES):
        path = folder / f"{i}.wav"
        soundfile.write(
            path, 0.1 * rng.standard_normal(int(RATE_HZ * LENGTH_S)), RATE_HZ
        )
        # Each clip has its own file name, so that each is decoded.
        sounds.append(str(path))
    paths = []
    for i in range(n):
        link = folder / "clips" / f"{i // 1000}" / f"{i}.wav"
        link.parent.mkdir(parents=True, exist_ok=True)
        link.hardlink_to(sounds[i % N_FILES])
        paths.append(str(link))
    rows = pd.DataFrame({"clip_id": [f"clip{i:08d}" for i in range(n)], "path": paths})
    rows = rows.assign(recording=rows["clip_id"], subgroup=None, split=None)
    rows["label:x"] = pd.array(np.arange(n) % 2 == 0, dtype="boolean")
    rows.to_parquet(folder / "d.list.parquet", index=False)
    notes = {"clips": n, "audio": True, "skipped": {}, "noted": {}}
    (folder / "d.notes.json").write_text(json.dumps(notes))


def inspect(folder, share, n_shares):
    """Stage 1, decoding: one of several jobs."""
    inspection.inspect_files(
        "d",
        folder / "d.list.parquet",
        parts=folder / "d.parts",
        shard=share,
        n_shards=n_shares,
        out=folder / f"d.{share:04d}.keys",
        n_threads=2,
    )


def gather(folder):
    """Stage 1, the clip table."""
    listing.gather_clips(
        "d",
        folder / "d.list.parquet",
        folder / "d.notes.json",
        sorted(folder.glob("d.*.keys")),
        table=folder / "d.parquet",
        audit=folder / "d.audit.csv",
        max_bad_clips=0,
    )


def table_alone(folder):
    """Write the clip table that stage 1 would, without decoding."""
    rows = pd.read_parquet(folder / "d.list.parquet")
    size = Path(rows["path"].iloc[0]).stat().st_size
    facts = {"status": "ok", "reason": "", "n_bytes": size, "modified_ns": 0}
    facts |= {"n_samples": int(RATE_HZ * LENGTH_S), "sample_rate_hz": RATE_HZ}
    facts |= {"n_channels": 1, "duration_s": LENGTH_S, "level_db": -20.0}
    rows.assign(**facts).to_parquet(folder / "d.parquet", index=False)


def plan(folder):
    """Stage 2, the plan of `JOBS` regions."""
    n = len(pd.read_parquet(folder / "d.parquet", columns=["clip_id"]))
    regions.plan_regions(
        "m",
        {"plugin": str(folder / "model.py")},
        table=folder / "d.parquet",
        versions={},
        location=folder / "e.zarr",
        dtype="float32",
        pooling=[],
        audio_s_per_job=n * LENGTH_S / JOBS,
        max_jobs=JOBS,
        plan=folder / "e.plan.json",
    )


def extract(folder, region):
    """Stage 2, one region."""
    extraction.extract_region(
        "d",
        {"plugin": str(folder / "model.py")},
        plan=folder / "e.plan.json",
        region=region,
        marker=folder / "done" / f"{region}.json",
        max_bad_clips=0,
        n_threads=2,
    )


def index(folder):
    """Stage 2, the index."""
    markers = sorted((folder / "done").glob("*.json"))
    indexing.index_embeddings(
        folder / "e.plan.json", markers, out=folder / "e.index.parquet"
    )


def pool(folder):
    """Stage 3."""
    features.pool_frames(
        folder / "e.plan.json",
        folder / "e.index.parquet",
        pooling=["mean"],
        out=folder / "f.zarr",
        skipped=folder / "s.csv",
    )


def run(n, stage_1):
    """Measure all steps for `n` clips; print one line each."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "model.py").write_text(MODEL)
        write_manifest(folder, n)
        rows = []
        if stage_1:
            n_shares = inspection.n_shares(n)
            shares = [(folder, share, n_shares) for share in range(n_shares)]
            rows.append(("1 decode", *worst(inspect, shares)))
            rows.append(("1 gather", *worst(gather, [(folder,)])))
        else:
            measured(table_alone, folder)
        rows.append(("2 plan", *worst(plan, [(folder,)])))
        named = [(folder, r) for r in region_files.named_in(folder / "e.plan.json")]
        rows.append(("2 embed", *worst(extract, named)))
        rows.append(("2 index", *worst(index, [(folder,)])))
        rows.append(("3 pool", *worst(pool, [(folder,)])))
        shutil.rmtree(folder / "clips")
        for file in folder.glob("*.wav"):
            file.unlink()
        made = [path for path in folder.rglob("*") if path.is_file()]
        n_bytes = sum(path.stat().st_size for path in made)
    for label, jobs_, seconds, cpu, peak in rows:
        cost = f"{seconds:>8.1f} s{cpu:>8.1f} CPU s{1000 * cpu / n:>8.3f} CPU ms/clip"
        say(f"{n:>9} {label:<9}{jobs_:>4} jobs{cost}{peak:>7.0f} MiB")
    say(f"{n:>9} files {len(made)}, {n_bytes / n:.0f} bytes/clip")


def read(n):
    """Compare reading pooled vectors with loading one flat file, both in page cache."""
    with tempfile.TemporaryDirectory() as name:
        folder, width = Path(name), 1024
        block = np.random.default_rng(0).standard_normal((4096, width), np.float32)
        blocks = (block[: min(4096, n - a)] for a in range(0, n, 4096))
        ids = [f"clip{i:08d}" for i in range(n)]
        store.write_features(folder / "f.zarr", blocks, ids, width, {})
        flat = np.lib.format.open_memmap(folder / "f.npy", "w+", "f4", (n, width))
        for a in range(0, n, 4096):
            flat[a : a + 4096] = block[: min(4096, n - a)]
        flat.flush()
        del flat
        for _ in range(2):
            ours = measured(read_store, folder)
            theirs = measured(load_flat, folder)
        gb = n * width * 4 / 1e9
        say(
            f"read {n} x {width}: store {gb / ours[3]:.2f} GB/s, np.load "
            f"{gb / theirs[3]:.2f} GB/s, ratio {theirs[3] / ours[3]:.2f}"
        )


def read_store(folder):
    """Return the seconds of `store.read_features`."""
    start = time.perf_counter()
    store.read_features(folder / "f.zarr")
    return time.perf_counter() - start


def load_flat(folder):
    """Return the seconds of `np.load`."""
    start = time.perf_counter()
    np.load(folder / "f.npy")
    return time.perf_counter() - start


def dag(n):
    """Time what Snakemake does before the first job, where a model has `n` regions."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "model.py").write_text(MODEL)
        for dataset in ("a", "b"):
            (folder / dataset).mkdir()
            for i in range(n):
                sound = np.random.default_rng(i).standard_normal(RATE_HZ // 2)
                soundfile.write(folder / dataset / f"{i}.wav", 0.1 * sound, RATE_HZ)
            rows = [f"{i}.wav,{'xy'[i % 2]},{i}\n" for i in range(n)]
            text = "path,label,recording\n" + "".join(rows)
            (folder / dataset / "clips.csv").write_text(text)
        config = {
            "datasets": {d: {"plugin": "table", "folder": d} for d in ("a", "b")},
            "models": {"cheap": {"plugin": "model.py"}},
            "extraction": {"minutes_per_job": 1e-9, "max_jobs": n},
        }
        (folder / "experiment.yaml").write_text(json.dumps(config))
        stores = [f"results/2_embeddings/{d}/cheap/clean" for d in ("a", "b")]
        snakemake(folder, *(f"{store}.plan.json" for store in stores))
        start = time.perf_counter()
        peak = snakemake(folder, "-n", *(f"{store}.index.parquet" for store in stores))
        spent = time.perf_counter() - start
    say(f"DAG of {2 * n} regions: {spent:.1f} s, driver {peak:.0f} MiB")


def snakemake(folder, *arguments):
    """Run Snakemake quietly; return the peak memory of the driver in MiB."""
    command = [sys.executable, "-m", "snakemake", *arguments, "--quiet", "all"]
    command += ["--cores", "2", "--snakefile", ROOT / "Snakefile"]
    command += ["--directory", folder, "--configfile", folder / "experiment.yaml"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"Snakemake failed, status {status}")
    return usage.ru_maxrss / 1024


def main():
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, nargs="*", default=[1000, 10_000, 100_000])
    parser.add_argument("--no-stage-1", action="store_true")
    parser.add_argument("--dag", type=int, nargs="*", default=[], help="regions")
    parser.add_argument("--read", type=int, default=0, help="vectors to read")
    options = parser.parse_args()
    say(provenance.provenance()["commit"])
    for n in options.clips:
        run(n, not options.no_stage_1)
    for n in options.dag:
        dag(n)
    if options.read:
        read(options.read)


if __name__ == "__main__":
    main()
