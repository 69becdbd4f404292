"""What many small jobs cost on SLURM: calls of sbatch, the driver, each job.

    python benchmarks/clusters.py --jobs 2000 --whole 80

Starts SLURM with two nodes on this machine (Debian's slurm-wlm and munge) and runs tiny
jobs with the profile in slurm/. In the first run, Snakemake runs jobs from end to end;
the wall time depends on this machine's cores. In the second run, each job is cut short
(it writes its file at once), so that many jobs show the cost of the driver.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "workflow" / "scripts")]

from tests.slurm.cluster import Cluster  # noqa: E402
from tests.slurm.experiment import environment, write_site  # noqa: E402

SNAKEFILE = f"""
import os, sys
sys.path.insert(0, {str(ROOT / "workflow" / "scripts")!r})
from earshift import slurm
slurm.become_array_task(sys.argv, os.environ)
if workflow.is_main_process:
    slurm.repair_plugin()

rule all:
    input: expand("out/{{i}}", i=range(int(config["n_jobs"])))

rule extract_embeddings:
    output: "out/{{i}}"
    shell: "echo done > {{output}}"
"""

#: Reads a SLURM script and writes the output file of its job.
SHORTCUT = """
import base64, json, os, re, sys, zlib
text = open(sys.argv[1]).read()
task = os.environ.get("SLURM_ARRAY_TASK_ID")
told = re.search(r"array-execs=(\\S+)", text)
commands = json.loads(base64.b64decode(told[1])) if told else {}
if task in commands:
    text = zlib.decompress(bytes.fromhex(commands[task])).decode()
number = re.search(r"extract_embeddings:i=(\\d+)", text)[1]
open(f"out/{number}", "w").write("done")
"""


def run(n_jobs: int, cut_short: bool) -> dict[str, float]:
    """Run tiny jobs; return what they took."""
    with tempfile.TemporaryDirectory(prefix="slurm") as state:
        cluster = Cluster(Path(state) / "s")
        folder = Path(state) / "run"
        (folder / "slurm").mkdir(parents=True)
        (folder / "out").mkdir()
        (folder / "Snakefile").write_text(SNAKEFILE)
        (folder / "shortcut.py").write_text(SHORTCUT)
        write_site(folder, jobs=500)
        options = ["--default-resources", "mem_mb=600", "runtime=10"]
        if cut_short:
            # $0 is the job's script; the shell that calls sbatch must not see it.
            options += ["--precommand", f"exec {sys.executable} shortcut.py \\$0"]
        cluster.start()
        try:
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            start = time.monotonic()
            done = subprocess.run(
                [
                    *(
                        "snakemake",
                        "--profile",
                        str(ROOT / "slurm"),
                        "--quiet",
                        "rules",
                    ),
                    *(*options, "--config", f"n_jobs={n_jobs}"),
                ],
                cwd=folder,
                env=environment(cluster),
                capture_output=True,
                text=True,
                check=False,
            )
            wall = time.monotonic() - start
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
        finally:
            cluster.stop()
        assert done.returncode == 0, done.stderr[-3000:]
        assert len(list((folder / "out").iterdir())) == n_jobs
    said = done.stderr
    return {
        "sbatch": said.count("Submitted array job") + said.count("has been submitted"),
        "wall_s": wall,
        "cpu_s": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        "peak_mib": after.ru_maxrss / 1024,
    }


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=2000, help="jobs cut short")
    parser.add_argument("--whole", type=int, default=80, help="jobs run to the end")
    options = parser.parse_args()
    heads = f"{'jobs':>7}{'sbatch':>8}{'wall s':>8}{'driver CPU s':>14}{'MiB':>6}"
    sys.stdout.write(f"{'':14}{heads}  wall s a job\n")
    for name, n_jobs in (("whole", options.whole), ("cut short", options.jobs)):
        if not n_jobs:
            continue
        took = run(n_jobs, cut_short=name == "cut short")
        sys.stdout.write(
            f"{name:14}{n_jobs:7}{took['sbatch']:8}{took['wall_s']:8.0f}"
            f"{took['cpu_s']:14.1f}{took['peak_mib']:6.0f}"
            f"{took['wall_s'] / n_jobs:14.2f}\n"
        )
        sys.stdout.flush()


if __name__ == "__main__":
    main()
