"""Print the main table of an experiment: ``python -m earshift.report RESULTS``."""

import argparse
import sys
from pathlib import Path

from earshift.report.terminal import main_table


def main() -> None:
    """Write the table to the terminal."""
    parser = argparse.ArgumentParser(prog="python -m earshift.report")
    parser.add_argument("results", type=Path, help="folder of the results")
    results = parser.parse_args().results
    if not (results / "tables").is_dir():
        parser.error(f"'{results}' has no folder 'tables': is the run finished?")
    sys.stdout.write(main_table(results))


if __name__ == "__main__":
    main()
