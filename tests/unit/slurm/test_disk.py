"""Whether results have room is known before they are computed."""

import errno
import os
import shutil
import subprocess
import sys

import pandas as pd
import pytest

from earshift.errors import ConfigError
from earshift.slurm import disk
from tests.helpers.places import SCRIPTS


def write_plan(folder, n_bytes, n_files):
    """A plan of two stages; the second is not known yet."""
    rows = {"stage": ["1", "2"], "bytes": [n_bytes, None], "files": [n_files, None]}
    pd.DataFrame(rows).to_csv(folder / "plan.csv", index=False)


@pytest.mark.parametrize(
    ("n_bytes", "n_files", "fits", "said"),
    [
        (1_000_000, 5, True, "0.0 GB are needed"),
        (
            4_000_000,
            5,
            False,
            "for 'results' in the configuration, or ask for more room",
        ),
        (1_000_000, 60, False, "files, of 60 needed. Choose another folder for 'res"),
    ],
)
def test_a_plan_needs_room_for_its_bytes_and_its_files(
    mount, n_bytes, n_files, fits, said
):
    folder = mount("size=3m,nr_inodes=50")
    write_plan(folder, n_bytes, n_files)
    found, words = disk.room_for_plan(folder)
    assert found is fits
    assert said in words
    assert [file.name for file in folder.iterdir()] == ["plan.csv"]


def test_stores_at_an_address_need_no_room_here(mount):
    folder = mount("size=3m,nr_inodes=50")
    rows = {"bytes": [1e6, 4e6], "files": [5, 60], "address": [None, "s3://there/e"]}
    pd.DataFrame(rows).to_csv(folder / "plan.csv", index=False)
    fits, said = disk.room_for_plan(folder)
    assert fits, said
    rows["address"] = [None, None]
    pd.DataFrame(rows).to_csv(folder / "plan.csv", index=False)
    assert not disk.room_for_plan(folder)[0]


def test_room_is_reserved_for_a_moment(mount):
    folder = mount("size=3m")
    assert disk.refusal(folder, 2_000_000) == 0
    assert disk.refusal(folder, 2_000_000) == 0
    assert disk.refusal(folder, 0) == 0
    assert disk.refusal(folder, 4_000_000) == errno.ENOSPC
    assert not list(folder.iterdir())


@pytest.fixture
def quota(tmp_path):
    """A folder on a disk of 200 MB of which a quota allows 20 MB."""
    lacking = [name for name in ("mkfs.btrfs", "btrfs") if not shutil.which(name)]
    if lacking:
        pytest.skip(f"a disk with a quota needs {', '.join(lacking)}")
    image, folder = tmp_path / "image", tmp_path / "disk"
    folder.mkdir()
    with image.open("wb") as file:
        file.truncate(200_000_000)
    subprocess.run(["mkfs.btrfs", "-q", image], check=True)
    command = ["mount", "-o", "loop", image, folder]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"a disk with a quota cannot be mounted: {done.stderr.strip()}")
    try:
        for words in (["quota", "enable"], ["qgroup", "limit", "20M"]):
            subprocess.run(["btrfs", *words, folder], check=True)
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


@pytest.mark.parametrize("n_bytes", [10_000_000, 50_000_000])
def test_a_quota_is_known_though_the_disk_has_room(quota, n_bytes):
    write_plan(quota, n_bytes, 5)
    fits, said = disk.room_for_plan(quota)
    assert fits is (n_bytes == 10_000_000)
    assert fits is ("a quota forbids to write so much" not in said)
    assert fits is ("or ask for more quota" not in said)


#: A limit of this process, which is no quota.
LIMITED = """
import resource, sys
from pathlib import Path
from earshift.slurm import disk
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
folder = Path(sys.argv[1])
print(disk.refusal(folder, 4_000_000), *disk.room_for_plan(folder))
"""


def test_what_is_refused_for_another_reason_is_no_quota(tmp_path):
    write_plan(tmp_path, 4_000_000, 5)
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path)],
        env=os.environ | {"PYTHONPATH": str(SCRIPTS)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith(f"{errno.EFBIG} True ")


def test_without_a_plan_only_what_is_free_is_said(tmp_path):
    fits, said = disk.room_for_plan(tmp_path / "new")
    assert fits
    assert "'make plan' says how much a run needs" in said


def test_without_room_for_temporary_files_the_folder_is_named(mount, monkeypatch):
    folder = mount("size=64k")
    monkeypatch.setenv("TMPDIR", str(folder))
    with pytest.raises(ConfigError, match="No space left on device") as found:
        disk.check_temporary()
    assert f"'{folder}'" in str(found.value)
    assert "TMPDIR" in str(found.value)
    mount("remount,size=2m")
    disk.check_temporary()
    assert not list(folder.iterdir())


def test_a_temporary_folder_that_does_not_exist_is_not_taken(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path / "none"))
    disk.check_temporary()
