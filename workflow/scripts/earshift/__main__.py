"""Print the main table of an experiment: ``python -m earshift.stages.report RESULTS``.

With ``--plan`` it is what the experiment will take, as `make plan` estimated it, and
what a pilot says of the effects that it would detect.
"""

import argparse
import sys
from pathlib import Path

from earshift import layout
from earshift.stages.report import pilot
from earshift.stages.report.sections.forecast import plan_table
from earshift.stages.report.terminal import main_table


def main() -> None:
    """Write the table to the terminal."""
    parser = argparse.ArgumentParser(prog="python -m earshift.stages.report")
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
