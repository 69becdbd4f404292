"""Which library a run uses: the one beside its Snakefile, whatever is installed."""

import os
import subprocess
import sys

import pytest

from tests.helpers.places import ROOT
from tests.helpers.workflow import clone, write_experiment

pytestmark = [pytest.mark.workflow, pytest.mark.timeout(1800)]

SAID = "%d clips listed"


@pytest.fixture
def checkout(tmp_path):
    """A copy of the project whose library says another word than the installed one."""
    root = clone(tmp_path / "checkout")
    clips = root / "workflow/scripts/earshift/stages/clips/listing.py"
    assert clips.read_text().count(SAID) == 1
    clips.write_text(clips.read_text().replace(SAID, SAID + " by this checkout"))
    return root


def snakemake(checkout, folder, **variables):
    """List the clips of one dataset as `snakemake` on the command line would."""
    own = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    words = ["--snakefile", str(checkout / "Snakefile"), "--cores", "1"]
    target = "results/1_clips/clear.list.parquet"
    return subprocess.run(
        [
            *(sys.executable, "-m", "snakemake", *words),
            *(target, "--configfile", "experiment.yaml"),
        ],
        cwd=folder,
        env=own | variables,
        capture_output=True,
        text=True,
        timeout=500,
    )


@pytest.mark.parametrize("path", [None, str(ROOT / "workflow" / "scripts")])
def test_jobs_run_the_library_beside_the_snakefile(checkout, tmp_path, path):
    folder = write_experiment(tmp_path / "run")
    done = snakemake(checkout, folder, **({"PYTHONPATH": path} if path else {}))
    assert done.returncode == 0, done.stderr[-3000:]
    log = folder / "logs" / "results" / "list_clips" / "clear.log"
    assert "36 clips listed by this checkout" in log.read_text()


def test_a_job_with_another_library_is_refused(checkout, tmp_path):
    """As where the environment of jobs puts a folder of its own first."""
    code = (
        "from earshift import jobs\n"
        f"with jobs.logged({str(tmp_path / 'job.log')!r}):\n"
        "    print('ran')\n"
    )
    scripts = str(checkout / "workflow" / "scripts")
    for wanted, ran in ((scripts, True), (str(ROOT / "workflow/scripts"), False)):
        own = os.environ | {"PYTHONPATH": scripts, "EARSHIFT_LIBRARY": wanted}
        done = subprocess.run(
            [sys.executable, "-c", code], env=own, capture_output=True, text=True
        )
        assert (done.returncode == 0) == ran
        assert ("ran" in done.stdout) == ran
        assert (wanted in done.stderr) != ran
