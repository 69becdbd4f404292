"""Print the main table of an experiment: ``python -m earshift RESULTS``.

With ``--plan`` it is what the experiment will take, as `make plan` estimated it, and
what a pilot says of the effects that it would detect.

``python -m earshift analyse TABLE`` makes the report of a table of clips, labels and
vectors.
"""

import argparse
import subprocess
import sys
from pathlib import Path

from earshift import layout
from earshift.stages.report import pilot
from earshift.stages.report.sections.forecast import plan_table
from earshift.stages.report.terminal import main_table

#: Runs experiments; it lies beside the library.
RUN = Path(__file__).resolve().parents[1] / "run.py"


def main() -> None:
    """Do what the words on the command line say."""
    if sys.argv[1:2] == ["analyse"]:
        sys.exit(_analyse(sys.argv[2:]))
    _print_table()


def _analyse(words: list[str]) -> int:
    """Run the experiment on a table; return its exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m earshift analyse",
        description="Compare the datasets of a table, and corrections: the report.",
        epilog="Other options are those of workflow/scripts/run.py, such as "
        "--configfile with methods and settings of your own.",
    )
    parser.add_argument(
        "table", type=Path, help=".parquet or .csv file with a row for each clip"
    )
    parser.add_argument(
        "--out", type=Path, help="folder of the results, by default results_TABLE"
    )
    options, rest = parser.parse_known_args(words)
    out = options.out or Path(f"results_{options.table.stem}")
    command = [sys.executable, str(RUN), "--analyse", str(options.table)]
    return subprocess.run([*command, "--out", str(out), *rest], check=False).returncode


def _print_table() -> None:
    """Write the main table of an experiment, or its plan, to the terminal."""
    parser = argparse.ArgumentParser(
        prog="python -m earshift",
        epilog="To make the report of a table of vectors: python -m earshift analyse.",
    )
    parser.add_argument("results", type=Path, help="folder of the results")
    parser.add_argument("--plan", action="store_true", help="print the plan of a run")
    parser.add_argument("--pilot", type=Path, help="results of it; by default these")
    parser.add_argument("--detect", action="append", default=[], help="roc_auc=0.02")
    options = parser.parse_args()
    results = options.results
    if options.plan:
        if not layout.path(results, layout.PLAN).is_file():
            parser.error(f"'{results}' has no plan: run 'make plan' first")
        sys.stdout.write(plan_table(results))
        sys.stdout.write(_effects(options.pilot or results, options.detect))
        return
    if not layout.path(results, layout.TABLES).is_dir():
        parser.error(f"'{results}' has no folder 'tables': is the run finished?")
    sys.stdout.write(main_table(results))


def _effects(results: Path, asked: list[str]) -> str:
    """Return what a pilot says, or how to have one."""
    if not pilot.is_pilot(results):
        return pilot.NO_PILOT
    return pilot.pilot_table(results, pilot.sizes(asked))


if __name__ == "__main__":
    main()
