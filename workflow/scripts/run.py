"""Run an experiment from where it stopped, then print its main table.

    python workflow/scripts/run.py --configfile config.yaml --cores all
    python workflow/scripts/run.py --study INPUTS --out RESULTS --models "vggish openl3"

The second runs the ISMIR 2023 study on published embeddings (docs/study.md).
One run at a time works in a folder. A run that was killed leaves Snakemake's lock and
half-made outputs behind: both are cleared here, and only when no other run is going on.
"""

import argparse
import contextlib
import fcntl
import os
import subprocess
import sys
from pathlib import Path

import psutil
import yaml

from earshift import jobs, study
from earshift.errors import EarshiftError

ROOT = Path(__file__).resolve().parents[2]
SNAKEFILE = ROOT / "Snakefile"
SCHEMA = ROOT / "workflow" / "schemas" / "config.schema.yaml"
STUDY = ROOT / "workflow" / "experiments" / "ismir2023.yaml"


def one_at_a_time(path: Path) -> int:
    """Wait until no other run works in this folder; return the lock's descriptor.

    The descriptor is handed on to Snakemake, so the lock lasts as long as either lives.
    A Snakemake that was started without this launcher is waited for, too.
    """
    path.parent.mkdir(exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        say("Another run is going on in this folder; waiting for it.")
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    for process in others_here():
        say(f"Snakemake (process {process.pid}) works in this folder; waiting for it.")
        process.wait()
    return descriptor


def others_here() -> list[psutil.Process]:
    """Return the Snakemake processes whose working directory is this one."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            here = jobs.is_snakemake(process) and process.cwd() == str(Path.cwd())
            if here and process.pid != os.getpid():
                found.append(process)
    return found


def say(line: str) -> None:
    """Write a line to the terminal at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def arguments() -> tuple[argparse.Namespace, list[str]]:
    """Return our options, with the configuration to run, and those for Snakemake."""
    parser = argparse.ArgumentParser(
        description="Run an experiment from where it stopped; print its main table.",
        epilog="Other options go to Snakemake, such as -n or --forcerun list_clips.",
        allow_abbrev=False,  # --config is Snakemake's, and not short for --configfile
    )
    parser.add_argument("--configfile", type=Path, help="by default config.yaml")
    parser.add_argument("--cores", default="all")
    parser.add_argument(
        "--weights", action="store_true", help="fetch the models' weights, no more"
    )
    parser.add_argument(
        "--data", action="store_true", help="fetch and unpack the datasets, no more"
    )
    parser.add_argument(
        "--audit", action="store_true", help="look for damage in stores, no more"
    )
    parser.add_argument(
        "--repair", action="store_true", help="the same, and mark what is damaged"
    )
    parser.add_argument(
        "--plan", action="store_true", help="say what the run will take, no more"
    )
    parser.add_argument(
        "--status", action="store_true", help="say how far a run is, no more"
    )
    parser.add_argument(
        "--efficiency",
        action="store_true",
        help="say what jobs asked for and what they used, no more",
    )
    parser.add_argument(
        "--study",
        metavar="INPUTS",
        help="run the ISMIR 2023 study on the embeddings in this folder; --configfile "
        "is then the experiment that its settings are from, by default "
        "workflow/experiments/ismir2023.yaml",
    )
    parser.add_argument("--out", help="folder of the study's results")
    parser.add_argument(
        "--models", default="", help="embeddings that the study takes; by default all"
    )
    options, rest = parser.parse_known_args()
    is_study = options.study is not None
    if options.configfile is None:
        options.configfile = STUDY if is_study else Path("config.yaml")
    if not options.configfile.is_file():
        parser.error(f"there is no configuration '{options.configfile}'")
    if is_study and not (options.study and options.out):
        parser.error(
            "the study needs two folders: its inputs, and one for its results "
            '(make study INPUTS=DIR OUT=DIR2 [MODELS="vggish openl3"])'
        )
    if not is_study and (options.out or options.models):
        parser.error("--out and --models belong to --study")
    if is_study:
        models = options.models.replace(",", " ").split()
        folders = Path(options.study).expanduser(), Path(options.out).expanduser()
        try:
            options.configfile = study.derive(
                options.configfile, folders[0], models, folders[1]
            )
        except EarshiftError as error:
            parser.error(str(error))
    return options, rest


def look(options: argparse.Namespace) -> int:
    """Say what the files of an experiment tell, while it runs or later."""
    # These imports take a second, which no other command should wait for.
    from earshift import settings
    from earshift.report.efficiency import efficiency_table
    from earshift.report.status import status_table

    raw = yaml.safe_load(options.configfile.read_text())
    try:
        config = settings.resolve(raw, SCHEMA)
        results = Path(config["results"])
        if options.status:
            say(status_table(config, results))
        if options.efficiency:
            say(efficiency_table(results))
    except EarshiftError as error:
        say(f"Error: {error}")
        return 1
    return 0


def main() -> int:
    """Run Snakemake; return its exit status."""
    options, rest = arguments()
    if options.status or options.efficiency:
        return look(options)
    lock = one_at_a_time(Path(".snakemake") / "run.lock")
    snakemake = [
        *(sys.executable, "-m", "snakemake", "--snakefile", str(SNAKEFILE)),
        *("--configfile", str(options.configfile), "--cores", options.cores),
    ]
    if any(Path(".snakemake", "locks").glob("*")):
        unlock = [*snakemake, "--unlock", "--quiet", "all"]
        subprocess.run(unlock, pass_fds=[lock], check=False)
    names = ("weights", "data", "plan", "audit", "repair")
    targets = [name for name in names if getattr(options, name)]
    # What was found once may have changed without any file that these depend on.
    if options.audit or options.repair:
        rest = ["--forcerun", "audit_embeddings", *rest]
    elif options.plan:
        rest = ["--forcerun", "estimate_run", *rest]
    flags = ["--quiet", "host", "--rerun-incomplete", *targets, *rest]
    done = subprocess.run([*snakemake, *flags], pass_fds=[lock], check=False)
    if done.returncode or (targets and not options.plan):
        return done.returncode
    config = yaml.safe_load(options.configfile.read_text())
    results = Path(config.get("results", "results"))
    file, flags = ("plan.csv", ["--plan"]) if options.plan else ("report.html", [])
    if (results / file).exists():
        table = [sys.executable, "-m", "earshift.report", str(results), *flags]
        subprocess.run(table, check=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
