"""Downloads by the workflow: fetched once, verified, and never half there."""

import hashlib
import json

import numpy as np
import pytest
import yaml

from tests.helpers.server import Served, serving
from tests.helpers.workflow import kill_when, run

pytestmark = [pytest.mark.workflow, pytest.mark.timeout(360)]

#: No checksum of this one is published, so that any gzip file may be it.
NAME = "openl3_audio_linear_env-v0_4_0.h5.gz"
FILE = f"resources/downloads/weights/{NAME}"
CHECKED = f"{FILE}.sha256"
HALF = 200_000
CONTENT = b"\x1f\x8b" + np.random.default_rng(0).bytes(400_000)
PAGE = b"<html>not found</html>"


@pytest.fixture(autouse=True)
def no_other_settings(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.delenv("EARSHIFT_WEIGHTS", raising=False)


@pytest.fixture
def mirror():
    with serving() as server:
        server.files[NAME] = Served(CONTENT)
        yield server


def write_config(folder, models="mfcc", **downloads):
    """An experiment with `downloads` set; its datasets are two tables of no files."""
    rows = [f"{c}{i}.wav,{c},{c}{i}" for c in ("cello", "flute") for i in range(6)]
    for name in ("a", "b"):
        (folder / name).mkdir(exist_ok=True)
        table = "\n".join(["path,label,recording", *rows])
        (folder / name / "clips.csv").write_text(f"{table}\n")
    config = {
        "results": "results",
        "datasets": {name: {"plugin": "table", "folder": name} for name in ("a", "b")},
        "models": models,
        "downloads": downloads,
    }
    (folder / "experiment.yaml").write_text(yaml.safe_dump(config))
    return folder


def log(folder):
    return (folder / f"logs/fetch_weights/{NAME}.log").read_text()


def test_a_registered_file_is_fetched_from_the_mirror_and_only_once(mirror, tmp_path):
    folder = write_config(tmp_path, mirror=mirror.address)
    done = run(folder, CHECKED)
    assert done.returncode == 0, done.stderr[-3000:]
    assert (folder / FILE).read_bytes() == CONTENT
    assert mirror.requests == [(f"/{NAME}", None)]
    sha256 = hashlib.sha256(CONTENT).hexdigest()
    assert f"no checksum is published for {NAME}: pinned sha256 {sha256}" in done.stderr
    pins = json.loads((folder / FILE).with_name("pins.json").read_text())
    assert pins[NAME]["sha256"] == sha256
    assert (folder / f"{FILE}.sha256").read_text() == f"{sha256}  {NAME}\n"

    # Neither another mirror nor force fetches it again; and no table is printed.
    options = {"input_repr": "linear", "content_type": "env"}
    write_config(folder, models={"openl3": options}, mirror="elsewhere")
    (folder / "results" / "report.html").write_text("of an earlier run")
    inode = (folder / FILE).stat().st_ino
    done = run(folder, "--weights", "--forcerun", "fetch_weights")
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout == ""
    assert "rule weights:" in done.stderr
    assert "rule fetch_weights:" in done.stderr
    assert "is there, and verified" in log(folder)
    assert (folder / FILE).stat().st_ino == inode
    assert len(mirror.requests) == 1


def test_a_killed_run_leaves_a_part_that_the_next_one_completes(mirror, tmp_path):
    folder = write_config(tmp_path, mirror=mirror.address)
    mirror.files[NAME].holds = [HALF]
    part = (folder / FILE).with_name(f"{NAME}.part")
    kill_when(folder, lambda: part.exists() and part.stat().st_size == HALF, CHECKED)
    assert not (folder / FILE).exists()
    assert part.read_bytes() == CONTENT[:HALF]
    done = run(folder, CHECKED)
    assert done.returncode == 0, done.stderr[-3000:]
    assert (folder / FILE).read_bytes() == CONTENT
    assert mirror.ranges == [None, f"bytes={HALF}-"]
    assert not part.exists()


def test_offline_says_which_file_is_needed_and_where_to_put_it(mirror, tmp_path):
    folder = write_config(tmp_path, offline=True, mirror=mirror.address)
    done = run(folder, CHECKED)
    assert done.returncode != 0
    assert f"{NAME} is needed, but 'downloads: offline' is set" in done.stderr
    assert f"put it at {folder / FILE}" in done.stderr
    assert "Traceback" not in done.stderr
    assert mirror.requests == []


def test_a_bad_file_fails_the_run_and_is_kept_aside(mirror, tmp_path):
    folder = write_config(tmp_path, mirror=mirror.address)
    mirror.files[NAME].content = PAGE
    done = run(folder, CHECKED)
    assert done.returncode != 0
    assert f"is not the registered {NAME}: it does not begin as a gzip" in done.stderr
    assert "it looks like HTML" in done.stderr
    digits = hashlib.sha256(PAGE).hexdigest()[:8]
    assert (folder / f"{FILE}.bad-{digits}").read_bytes() == PAGE
    assert not (folder / FILE).exists()
    assert not (folder / f"{FILE}.sha256").exists()


def test_a_bad_file_that_was_there_is_set_aside_and_does_not_come_back(
    mirror, tmp_path
):
    folder = write_config(tmp_path, offline=True, mirror=mirror.address)
    (folder / FILE).parent.mkdir(parents=True)
    (folder / FILE).write_bytes(PAGE)
    done = run(folder, CHECKED)
    assert done.returncode != 0
    digits = hashlib.sha256(PAGE).hexdigest()[:8]
    assert (folder / f"{FILE}.bad-{digits}").read_bytes() == PAGE
    assert not (folder / FILE).exists()
    assert not (folder / CHECKED).exists()


def test_a_file_of_ones_own_in_the_folder_of_weights_needs_no_register(tmp_path):
    folder = write_config(tmp_path)
    own = "resources/downloads/weights/mine.h5"
    (folder / own).parent.mkdir(parents=True)
    (folder / own).write_bytes(PAGE)
    write_config(folder, models={"yamnet": {"weights": own}})
    done = run(folder, "-n")
    assert done.returncode == 0, done.stderr[-3000:]
    assert "plan_regions" in done.stdout + done.stderr
    assert "fetch_weights" not in done.stdout + done.stderr
