"""Where the project is."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
SCRIPTS = ROOT / "workflow" / "scripts"
LIBRARY = SCRIPTS / "earshift"
DATA = ROOT / "tests" / "data"
