"""Whether results have room is known before they are computed."""

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from earshift import disk


def write_plan(folder, n_bytes, n_files):
    """A plan of two stages; the second is not known yet."""
    rows = {"stage": ["1", "2"], "bytes": [n_bytes, None], "files": [n_files, None]}
    pd.DataFrame(rows).to_csv(folder / "plan.csv", index=False)


@pytest.mark.parametrize(
    ("n_bytes", "n_files", "fits", "said"),
    [
        (1_000_000, 5, True, "0.0 GB are needed"),
        (4_000_000, 5, False, "0.0 GB are needed"),
        (1_000_000, 60, False, "files, of 60 needed"),
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


def test_room_is_reserved_for_a_moment(mount):
    folder = mount("size=3m")
    assert disk.refusal(folder, 2_000_000) is None
    assert disk.refusal(folder, 2_000_000) is None
    assert disk.refusal(folder, 0) is None
    assert disk.refusal(folder, 4_000_000) == "No space left on device"
    assert not list(folder.iterdir())


#: A limit of this process stands for a quota, which few file systems have here.
LIMITED = """
import resource, sys
from pathlib import Path
from earshift import disk
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
print(*disk.room_for_plan(Path(sys.argv[1])))
"""


@pytest.mark.parametrize(
    ("n_bytes", "fits", "said"),
    [
        (900_000, True, "are needed\n"),
        (4_000_000, False, "but so much cannot be written: File too large\n"),
    ],
)
def test_what_may_not_be_written_is_known_though_the_disk_has_room(
    tmp_path, n_bytes, fits, said
):
    write_plan(tmp_path, n_bytes, 5)
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path)],
        env=os.environ | {"PYTHONPATH": str(Path(disk.__file__).parents[1])},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith(str(fits))
    assert done.stdout.endswith(said)


def test_without_a_plan_only_what_is_free_is_said(tmp_path):
    fits, said = disk.room_for_plan(tmp_path / "new")
    assert fits
    assert "'make plan' says how much a run needs" in said
