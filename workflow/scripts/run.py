"""Run an experiment from where it stopped, then print its main table.

    python workflow/scripts/run.py --configfile config.yaml --cores all

One run at a time works in a folder. A run that was killed leaves Snakemake's lock and
half-made outputs behind: both are cleared here, and only when no other run is going on.
"""

import argparse
import fcntl
import os
import subprocess
import sys
from pathlib import Path

import yaml

SNAKEFILE = Path(__file__).resolve().parents[2] / "Snakefile"


def one_at_a_time(path: Path) -> int:
    """Wait until no other run holds the lock file `path`; return its descriptor.

    The descriptor is handed on to Snakemake, so the lock lasts as long as either lives.
    """
    path.parent.mkdir(exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        sys.stdout.write("Another run is going on in this folder; waiting for it.\n")
        sys.stdout.flush()
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    return descriptor


def main() -> int:
    """Run Snakemake; return its exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--configfile", type=Path, default=Path("config.yaml"))
    parser.add_argument("--cores", default="all")
    options, rest = parser.parse_known_args()
    if not options.configfile.is_file():
        parser.error(f"there is no configuration '{options.configfile}'")
    lock = one_at_a_time(Path(".snakemake") / "run.lock")
    snakemake = [
        *(sys.executable, "-m", "snakemake", "--snakefile", str(SNAKEFILE)),
        *("--configfile", str(options.configfile), "--cores", options.cores),
    ]
    if any(Path(".snakemake", "locks").glob("*")):
        unlock = [*snakemake, "--unlock", "--quiet", "all"]
        subprocess.run(unlock, pass_fds=[lock], check=False)
    flags = ["--rerun-incomplete", "--quiet", "host", *rest]
    done = subprocess.run([*snakemake, *flags], pass_fds=[lock], check=False)
    if done.returncode == 0:
        config = yaml.safe_load(options.configfile.read_text())
        results = config.get("results", "results")
        subprocess.run([sys.executable, "-m", "earshift.report", results], check=True)
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
