"""The default experiment, once for all tests of this folder."""

import pytest

from tests.helpers.places import ROOT
from tests.helpers.workflow import run


@pytest.fixture(scope="session")
def demo(tmp_path_factory):
    """The default experiment, as `make demo` runs it."""
    folder = tmp_path_factory.mktemp("demo")
    (folder / "config.yaml").write_text((ROOT / "config.yaml").read_text())
    done = run(folder, config="config.yaml")
    assert done.returncode == 0, done.stderr[-3000:]
    return folder, done
