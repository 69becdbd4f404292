"""A method or a model of a user's own, as a file of the project or outside it."""

import shutil
import subprocess
import sys

import pandas as pd
import pytest
import yaml

from tests.helpers.plugins import PLUGINS
from tests.helpers.workflow import (
    TO_TABLES,
    clone,
    environment,
    jobs_of,
    run,
    write_experiment,
)

pytestmark = [pytest.mark.workflow, pytest.mark.timeout(1800)]


NEW_METHOD = '''
"""Halve every feature: a method a user might add."""

from earshift.debias.none import Identity

version = 1
access = "none"


class Halve(Identity):
    """Multiply features by one half."""

    def transform(self, X):
        """Return half of `X`, shape (n_clips, n_features)."""
        return 0.5 * super().transform(X)


def make():
    """Return the method."""
    return Halve()
'''

ONE_WAY = '''

def cannot(*, source, target, datasets):
    """Return why it serves one direction alone."""
    return "it goes one way" if (source, target) == ("hum", "clear") else None
'''

NEW_MODEL = '''
"""Energy in four bands: a model a user might add."""

import numpy as np

from earshift.models import Framing, ModelSpec

env = "analysis"
version = 1
licence = "BSD-3-Clause"
citation = "none"


def spec():
    """Return the facts: 0.5 s windows at 8 kHz, 4 features."""
    return ModelSpec(8000, Framing(window=4000, hop=4000), n_features=4)


def network(spec):
    """Return the function from windows to log energies."""

    def embed(windows):
        power = np.abs(np.fft.rfft(windows)) ** 2
        bands = [b.mean(axis=1) for b in np.array_split(power, 4, axis=1)]
        return np.log10(np.stack(bands, axis=1) + 1e-9).astype(np.float32)

    return embed
'''


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A copy of the project with a new method and a new model, one file each."""
    root = clone(tmp_path_factory.mktemp("project") / "clone")
    library = root / "workflow" / "scripts" / "earshift"
    (library / "debias" / "halve.py").write_text(NEW_METHOD)
    shutil.copy(PLUGINS / "standardiser.py", library / "debias" / "per_domain.py")
    (library / "debias" / "one_way.py").write_text(NEW_METHOD + ONE_WAY)
    (library / "models" / "energy.py").write_text(NEW_MODEL)
    return root


@pytest.fixture(scope="module")
def extended(project, tmp_path_factory):
    """An experiment with both."""
    folder = write_experiment(
        tmp_path_factory.mktemp("extended") / "new",
        models=["mfcc", "energy"],
        methods=["none", "lda", "halve", "per_domain", "one_way"],
    )
    done = run(folder, root=project)
    assert done.returncode == 0, done.stderr[-3000:]
    assert jobs_of(done, "extract_embeddings") == 8
    return folder


def test_a_new_file_is_a_new_method_or_model_with_no_other_edit(project, extended):
    folder = extended
    summary = pd.read_csv(folder / "results/tables/summary.csv")
    assert set(summary["model"]) == {"mfcc", "energy"}
    assert set(summary["method"]) == {"none", "lda", "halve", "per_domain", "one_way"}
    rows = summary[summary["metric"].eq("roc_auc")].groupby("method").size()
    assert rows["one_way"] == rows["halve"] - 2 == rows["per_domain"] - 2
    measured = pd.read_csv(folder / "results/tables/discrepancy.csv")
    assert set(measured["method"]) == set(summary["method"])
    page = (folder / "results/report.html").read_text()
    assert "halve" in page
    assert "Give each feature mean 0 and spread 1 in each dataset." in page
    reason = "no result (trained on hum, tested on clear): it goes one way"
    assert reason in page
    log = folder / "logs/results/cross_validate/fixed/mfcc/clean.log"
    assert f"the method 'one_way': {reason}" in log.read_text()
    assert "energy" in page
    new = "halve or energy or per_domain or one_way"
    contracts = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-v", "-p", "no:cacheprovider"),
            *("tests/contract", "-k", f"({new}) and not energy_distance"),
        ],
        cwd=project,
        env=environment(project),
        capture_output=True,
        text=True,
        timeout=500,
    )
    assert contracts.returncode == 0, contracts.stdout[-3000:]
    for name in ("[halve]", "[halve-check_estimators_nan_inf]", "[energy]"):
        assert f"{name} PASSED" in contracts.stdout


def test_a_raised_version_re_runs_its_own_jobs(project, extended):
    folder = extended
    before = pd.read_csv(folder / "results/tables/summary.csv").set_index("model")
    plugin = project / "workflow/scripts/earshift/models/energy.py"
    code = plugin.read_text().replace("power, 4,", "power**2, 4,")
    plugin.write_text(code.replace("version = 1", "version = 2"))
    second = run(folder, *TO_TABLES, root=project)
    assert second.returncode == 0, second.stderr[-3000:]
    assert jobs_of(second, "extract_embeddings") == 4
    assert "embedded before" not in second.stderr
    after = pd.read_csv(folder / "results/tables/summary.csv").set_index("model")
    # But for what is corrected for all comparisons of the table.
    kept = [table.loc[["mfcc"]].drop(columns="p_holm_all") for table in (before, after)]
    pd.testing.assert_frame_equal(*kept)
    assert not before.loc["energy"].equals(after.loc["energy"])


def test_a_users_own_file_outside_the_project_is_a_method(tmp_path, finished):
    folder = tmp_path / "own"
    shutil.copytree(finished[0], folder)
    (folder / "halve.py").write_text(NEW_METHOD)
    config = yaml.safe_load((folder / "experiment.yaml").read_text())
    config["methods"].append("halve.py")
    (folder / "experiment.yaml").write_text(yaml.safe_dump(config))
    done = run(folder)
    assert done.returncode == 0, done.stderr[-3000:]
    # Only the new method's folds were computed.
    assert "mfcc / clean: scores: 3/3 tasks" in done.stderr
    assert "extract_embeddings" not in done.stdout + done.stderr
    summary = pd.read_csv(folder / "results/tables/summary.csv")
    assert set(summary["method"]) == {"none", "lda", "mlda", "mean_projection", "halve"}
    # An edit counts, though its version is the same.
    assert "cross_validate" not in run(folder, "-n").stdout
    (folder / "halve.py").write_text(NEW_METHOD.replace("0.5 *", "0.25 *"))
    again = run(folder, "-n")
    assert again.returncode == 0, again.stderr[-3000:]
    assert "cross_validate" in again.stdout
    assert "measure_discrepancy" in again.stdout
    assert "pool_frames" not in again.stdout
    # A cheat stops the run before its first job.
    cheat = NEW_METHOD.replace("0.5 * super().transform(X)", "X - X.mean(axis=0)")
    (folder / "halve.py").write_text(cheat)
    refused = run(folder)
    assert refused.returncode != 0
    assert "batch statistics in transform count as seeing the target" in refused.stderr
    assert "cross_validate" not in refused.stdout + refused.stderr
