"""The files of a dataset come to one folder: once, and whole or not at all."""

import hashlib
import json
import shutil
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from earshift.downloads.catalogue import Entry
from earshift.downloads.unpacking import fetch_archive, unpack_dataset
from earshift.errors import ConfigError, DataError
from tests.helpers.places import SCRIPTS
from tests.helpers.server import Served, an_entry

NOISE = bytes(range(256)) * 40


def make_zip(path, files):
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as file:
        for name, content in files.items():
            file.writestr(name, content)
    return path


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def registered(name):
    return Entry(name, f"https://example.org/{name}", "CC0", "-", None, {}, "birds")


@pytest.fixture
def marker(tmp_path):
    """Of a dataset of two archives, which were fetched."""
    for name, files in (("1.zip", {"a/1.wav": NOISE}), ("2.zip", {"a/2.wav": b"2"})):
        path = make_zip(tmp_path / "data" / "archives" / name, files)
        Path(f"{path}.sha256").write_text(f"{sha256(path)}  {name}\n")
    return tmp_path / "data" / "birds.json"


ENTRIES = (registered("1.zip"), registered("2.zip"))


def names(folder):
    return {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}


UNPACKED = {"birds.json", "birds/a/1.wav", "birds/a/2.wav", "birds/.archives.json"}


def of_dataset(folder):
    """Names of what is there of the dataset, without published files and the lock."""
    found = names(folder) - {"birds.lock"}
    return {name for name in found if not name.startswith("archives/")}


def test_the_marker_lists_the_archives(marker):
    unpack_dataset(ENTRIES, marker)
    data = marker.parent
    assert of_dataset(data) == UNPACKED
    assert (data / "birds/a/1.wav").read_bytes() == NOISE
    assert json.loads(marker.read_text()) == {
        "1.zip": {
            "sha256": sha256(data / "archives/1.zip"),
            "n_files": 1,
            "n_bytes": len(NOISE),
        },
        "2.zip": {
            "sha256": sha256(data / "archives/2.zip"),
            "n_files": 1,
            "n_bytes": 1,
        },
    }


def test_what_was_unpacked_is_not_unpacked_again(marker):
    unpack_dataset(ENTRIES, marker)
    said = marker.read_text()
    # The marker is written last, so a killed job may leave all but that.
    marker.unlink()
    shutil.rmtree(marker.parent / "archives")
    file = marker.parent / "birds" / "a" / "1.wav"
    inode = file.stat().st_ino
    (marker.parent / "archives").mkdir()
    for entry in ENTRIES:
        sign = marker.parent / "archives" / f"{entry.name}.sha256"
        fetch_archive(entry, sign, mirror=None, offline=True)
    unpack_dataset(ENTRIES, marker)
    assert marker.read_text() == said
    assert file.stat().st_ino == inode


def test_another_archive_is_unpacked_anew(marker):
    unpack_dataset(ENTRIES, marker)
    path = make_zip(marker.parent / "archives" / "2.zip", {"a/new.wav": b"new"})
    Path(f"{path}.sha256").write_text(f"{sha256(path)}  2.zip\n")
    unpack_dataset(ENTRIES, marker)
    assert "birds/a/new.wav" in names(marker.parent)
    assert "birds/a/2.wav" not in names(marker.parent)
    unpack_dataset(ENTRIES[:1], marker)
    assert of_dataset(marker.parent) == UNPACKED - {"birds/a/2.wav"}


def test_a_folder_of_someone_else_is_left_alone(marker):
    mine = marker.parent / "birds" / "mine.wav"
    mine.parent.mkdir()
    mine.write_bytes(b"mine")
    with pytest.raises(DataError, match=r"was not unpacked by earshift.*'folder'"):
        unpack_dataset(ENTRIES, marker)
    assert of_dataset(marker.parent) == {"birds/mine.wav"}
    assert mine.read_bytes() == b"mine"
    mine.unlink()
    unpack_dataset(ENTRIES, marker)
    assert of_dataset(marker.parent) == UNPACKED


def test_a_damaged_archive_leaves_nothing(marker):
    path = marker.parent / "archives" / "2.zip"
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"2PK", b"3PK"))
    with pytest.raises(DataError, match=r"2\.zip cannot be unpacked.*Bad CRC"):
        unpack_dataset(ENTRIES, marker)
    assert of_dataset(marker.parent) == set()
    path.write_bytes(whole)
    unpack_dataset(ENTRIES, marker)
    assert of_dataset(marker.parent) == UNPACKED


def test_an_archive_that_is_gone_is_named(marker):
    (marker.parent / "archives" / "2.zip").unlink()
    with pytest.raises(DataError, match=r"2\.zip is to be.*Delete 2\.zip\.sha256"):
        unpack_dataset(ENTRIES, marker)
    assert of_dataset(marker.parent) == set()


@pytest.mark.parametrize("text", ["{", "[1]", '{"1.zip": {}}', '{"1.zip": 1}'])
def test_a_damaged_list_is_reported(marker, text):
    unpack_dataset(ENTRIES, marker)
    (marker.parent / "birds" / ".archives.json").write_text(text)
    with pytest.raises(ConfigError, match=r"\.archives\.json is not as.*Delete"):
        unpack_dataset(ENTRIES, marker)
    assert (marker.parent / "birds/a/1.wav").read_bytes() == NOISE


def test_a_disk_that_fails_is_reported(marker):
    make_zip(marker.parent / "archives" / "2.zip", {"x" * 300: b"2"})
    with pytest.raises(DataError, match=r"birds is to be made, but.*too long"):
        unpack_dataset(ENTRIES, marker)
    assert of_dataset(marker.parent) == set()


def test_a_killed_process_leaves_nothing_under_the_final_name(marker):
    big = {f"b/{i}.wav": NOISE * 10 for i in range(2000)}
    path = make_zip(marker.parent / "archives" / "1.zip", big)
    Path(f"{path}.sha256").write_text(f"{sha256(path)}  1.zip\n")
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from earshift.downloads.catalogue import Entry\n"
        "from earshift.downloads.unpacking import unpack_dataset\n"
        f"entries = [Entry(**facts) for facts in {[vars(e) for e in ENTRIES]!r}]\n"
        "unpack_dataset(entries, Path(sys.argv[1]))\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(marker)], env={"PYTHONPATH": str(SCRIPTS)}
    ) as process:
        unfinished = marker.parent / ".birds.unfinished"
        while not (unfinished / "b" / "5.wav").exists():
            assert process.poll() is None
            time.sleep(0.002)
        process.kill()
    assert process.returncode == -9
    assert (unfinished / "b" / "5.wav").exists()
    assert not (marker.parent / "birds").exists()
    assert not marker.exists()
    unpack_dataset(ENTRIES, marker)
    expected = {f"birds/{name}" for name in big} | UNPACKED - {"birds/a/1.wav"}
    assert of_dataset(marker.parent) == expected
    assert (marker.parent / "birds/b/1999.wav").read_bytes() == NOISE * 10


def test_an_archive_is_fetched_and_verified(server, tmp_path):
    server.files["1.zip"] = Served(
        make_zip(tmp_path / "1.zip", {"a": b"1"}).read_bytes()
    )
    entry = an_entry(server, "1.zip", dataset="birds")
    sign = tmp_path / "data" / "archives" / "1.zip.sha256"
    for _ in range(2):
        fetch_archive(entry, sign, mirror=None, offline=False)
        digits = sha256(tmp_path / "1.zip")
        assert sign.read_text() == f"{digits}  1.zip\n"
        assert sha256(sign.with_suffix("")) == digits
    assert len(server.requests) == 1
