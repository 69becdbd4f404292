"""Run an experiment from where it stopped, then print its main table.

    python workflow/scripts/run.py --configfile config.yaml --cores all
    python workflow/scripts/run.py --study INPUTS --out RESULTS --models "vggish openl3"

The second runs the ISMIR 2023 study on published embeddings (docs/study.md).
One run at a time works in a folder. A run that was killed leaves Snakemake's lock and
half-made outputs behind: both are cleared here, and only when no other run is going on.
"""

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, cast

from earshift import import_path, slurm, text
from earshift.errors import ClusterError, EarshiftError
from earshift.jobs.run_lock import one_at_a_time, wait_for_snakemakes
from earshift.runs import outcome
from earshift.slurm.site import Site

ROOT = Path(__file__).resolve().parents[2]
SNAKEFILE = ROOT / "Snakefile"
SCHEMA = ROOT / "workflow" / "schemas" / "config.schema.yaml"
STUDY = ROOT / "workflow" / "experiments" / "ismir2023.yaml"

#: Rules that stand for a part of a run, and what they do.
TARGETS = {
    "weights": "fetch the models' weights, no more",
    "data": "fetch and unpack the datasets, no more",
    "plan": "say what the run will take, no more",
    "audit": "look for damage in stores, no more",
    "repair": "the same, and mark what is damaged",
    "preflight": "check the cluster, no more",
}

#: What else may be done with an experiment.
OTHERS = {
    "status": "say how far a run is, no more",
    "efficiency": "say what jobs used, no more",
    "submit": "start the run as a job of the cluster",
}


def say(line: str) -> None:
    """Write a line to the terminal at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def option_parser() -> argparse.ArgumentParser:
    """Return the parser of our options."""
    parser = argparse.ArgumentParser(
        description="Run an experiment from where it stopped; print its main table.",
        epilog="Other options go to Snakemake, such as -n or --forcerun list_clips.",
        allow_abbrev=False,  # --config is Snakemake's, and not short for --configfile
    )
    parser.add_argument("--configfile", type=Path, help="by default config.yaml")
    parser.add_argument("--cores", help="of this machine; by default all")
    parser.add_argument("--profile", help="where to run: slurm (docs/clusters.md)")
    for name, what in {**TARGETS, **OTHERS}.items():
        parser.add_argument(f"--{name}", action="store_true", help=what)
    parser.add_argument(
        "--study",
        metavar="INPUTS",
        help="run the ISMIR 2023 study on the embeddings in this folder; --configfile "
        "is then the experiment that its settings are from, by default "
        "workflow/experiments/ismir2023.yaml",
    )
    parser.add_argument(
        "--analyse",
        type=Path,
        metavar="TABLE",
        help="analyse a .parquet or .csv table of clips, labels and vectors; "
        "--configfile is then an experiment whose methods and other settings are taken",
    )
    parser.add_argument("--out", help="folder of the results, of these two")
    parser.add_argument(
        "--models", default="", help="embeddings that the study takes; by default all"
    )
    parser.add_argument(
        "--pilot",
        type=Path,
        metavar="RESULTS",
        help="with --plan: results of a finished run, which say what effects would be "
        "detected; by default those of the experiment, if there are any",
    )
    parser.add_argument(
        "--detect",
        action="append",
        default=[],
        metavar="METRIC=SIZE",
        help="with --plan: the gap or change that is to be found, such as roc_auc=0.01",
    )
    return parser


def arguments() -> tuple[argparse.Namespace, list[str]]:
    """Return our options, with the configuration to run, and those for Snakemake."""
    parser = option_parser()
    options, rest = parser.parse_known_args()
    is_study = options.study is not None
    if options.analyse:
        options.configfile = of_table(options, parser)
    if options.configfile is None:
        options.configfile = STUDY if is_study else Path("config.yaml")
    if not options.configfile.is_file():
        parser.error(f"there is no configuration '{options.configfile}'")
    if is_study and not (options.study and options.out):
        parser.error(
            "the study needs two folders: its inputs, and one for its results "
            '(make study INPUTS=DIR OUT=DIR2 [MODELS="vggish openl3"])'
        )
    if not is_study and (options.models or (options.out and not options.analyse)):
        parser.error("--out and --models belong to --study; --out to --analyse, too")
    if options.pilot or options.detect:
        check_pilot(options, parser)
    if is_study:
        from earshift.studies.ismir2023 import inputs  # takes half a second

        models = options.models.replace(",", " ").split()
        folders = Path(options.study).expanduser(), Path(options.out).expanduser()
        try:
            options.configfile = inputs.derive(
                options.configfile, folders[0], models, folders[1]
            )
        except EarshiftError as error:
            parser.error(str(error))
    return options, rest


def of_table(options: argparse.Namespace, parser: argparse.ArgumentParser) -> Path:
    """Return the experiment on a table of clips, labels and vectors."""
    from earshift.runs import analysis  # no other command needs pandas

    if options.study is not None or not options.out:
        parser.error("--analyse TABLE needs --out FOLDER, for the results (no --study)")
    out = Path(options.out).expanduser()
    try:
        return analysis.derive(options.analyse, out, options.configfile)
    except EarshiftError as error:
        parser.error(str(error))


def check_pilot(options: argparse.Namespace, parser: argparse.ArgumentParser) -> None:
    """Refuse what a plan cannot say of a pilot, before anything is estimated."""
    from earshift.stages.report import pilot

    if not options.plan:
        parser.error("--pilot and --detect belong to --plan")
    if options.pilot and not pilot.is_pilot(options.pilot):
        parser.error(
            f"'{options.pilot}' has no tables/summary.csv and tables/gaps.csv: is it a "
            "folder of results, and the run finished?"
        )
    try:
        pilot.sizes(options.detect)
    except EarshiftError as error:
        parser.error(str(error))


def look(options: argparse.Namespace) -> int:
    """Say what the files of an experiment tell, while it runs or later."""
    # These imports take a second, which no other command should wait for.
    from earshift.runs import settings
    from earshift.runs.efficiency_table import efficiency_table
    from earshift.runs.status_table import status_table

    config = settings.resolve(
        cast("dict[str, Any]", text.from_yaml(options.configfile)),
        SCHEMA,
        experiment=options.configfile,
    )
    results = Path(config["results"])
    say(status_table(config, results) if options.status else efficiency_table(results))
    return 0


def where_to_run(options: argparse.Namespace) -> list[str]:
    """Return Snakemake's options for this machine, or for a cluster.

    With the profile for SLURM, the jobs of a run that was killed end first.
    """
    if options.profile is None:
        return ["--cores", options.cores or "all"]
    profile = Path(options.profile)
    if not (profile / "config.yaml").exists() and (ROOT / profile).exists():
        profile = ROOT / profile
    if profile.name == "slurm":
        # This import takes half a second, which no other run should wait for.
        from earshift.slurm import preflight

        for check in preflight.quick_checks(Site.read()):
            if not check.fits and not options.preflight:
                raise ClusterError(f"{check.what}: {check.found}")
        slurm.settle(slurm.run_name(), say)
    return ["--profile", str(profile)]


def submit() -> int:
    """Submit this very command, less the option to do so, as a job."""
    words = [word for word in sys.argv if word != "--submit"]
    script = ROOT / "slurm" / "driver.sh"
    id_ = slurm.submit_driver(
        Site.read(), script, [sys.executable, *words], Path(".snakemake") / "driver"
    )
    say(f"The run is job {id_}; what it says is in .snakemake/driver/driver-{id_}.log")
    return 0


def run(options: argparse.Namespace, rest: list[str], lock: int) -> int:
    """Run Snakemake; return its exit status."""
    where = where_to_run(options)
    snakemake = [
        *(sys.executable, "-m", "snakemake", "--snakefile", str(SNAKEFILE)),
        *("--configfile", str(options.configfile), *where),
    ]
    if any(Path(".snakemake", "locks").glob("*")):
        unlock = [*snakemake, "--unlock", "--quiet", "all"]
        subprocess.run(unlock, pass_fds=[lock], check=False)
    targets = [name for name in TARGETS if getattr(options, name)]
    # What was found once may have changed without any file that these depend on.
    if options.audit or options.repair:
        rest = ["--forcerun", "audit_embeddings", *rest]
    elif options.plan:
        rest = ["--forcerun", "estimate_run", *rest]
    elif options.preflight:
        rest = ["--slurm-init-seconds-before-status-checks", "1", *rest]
    flags = ["--quiet", "host", "--rerun-incomplete", *targets, *rest]
    outcome.NOTE.unlink(missing_ok=True)
    start = time.time()
    done = subprocess.run([*snakemake, *flags], pass_fds=[lock], check=False)
    if found := outcome.noted():  # there is none of a dry run
        tell(*found, start, done.returncode, options, targets)
    return done.returncode


def tell(
    results: Path,
    logs: Path,
    start: float,
    status: int,
    options: argparse.Namespace,
    targets: list[str],
) -> None:
    """Print the main table, or the plan; of a run that failed, why."""
    if status < 0:
        return  # Snakemake was killed; jobs on a cluster live on
    if status:
        for line in outcome.failures(logs, start):
            sys.stderr.write(f"{line}\n")
        return
    if targets and not options.plan:
        return
    file, flags = "report.html", []
    if options.plan:
        file, flags = "plan.csv", ["--plan"]
        flags += [f"--detect={size}" for size in options.detect]
        flags += ["--pilot", str(options.pilot)] if options.pilot else []
    if (results / file).exists():
        table = [sys.executable, "-m", "earshift", str(results), *flags]
        own = os.environ | {"PYTHONPATH": import_path.search_path()}
        subprocess.run(table, env=own, check=False)


def main() -> int:
    """Run an experiment when no other run works here; return its exit status."""
    options, rest = arguments()
    try:
        if options.status or options.efficiency:
            return look(options)
        if options.submit:
            return submit()
        with one_at_a_time(Path(".snakemake") / "run.lock", say) as lock:
            wait_for_snakemakes(say)
            return run(options, rest, lock)
    except EarshiftError as error:
        sys.stderr.write(f"Error: {error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
