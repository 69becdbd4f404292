"""Archives are unpacked whole, or refused before anything is written."""

import io
import logging
import random
import shutil
import stat
import struct
import tarfile
import zipfile
from collections import namedtuple

import pytest

from earshift.downloads import archives
from earshift.errors import DataError, DownloadError

NOISE = random.Random(0).randbytes(3_000_000)
FILES = {"a/one.wav": NOISE[:5000], "a/b/two.txt": b"vio\n", "three.csv": b"x,y\n" * 9}


@pytest.fixture
def folder(tmp_path):
    """Where archives are unpacked; beside it lies something that must not change."""
    (tmp_path / "victim.txt").write_text("untouched")
    (tmp_path / "in" / "folder").mkdir(parents=True)
    return tmp_path / "in" / "folder"


def write_zip(path, files, **options):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in files.items():
            info = zipfile.ZipInfo(name, (2016, 2, 29, 12, 30, 10))
            info.compress_type = zipfile.ZIP_DEFLATED
            for key, value in options.items():
                setattr(info, key, value)
            file.writestr(info, content)
    return path


def write_tar(path, files, **options):
    with tarfile.open(path, "w:gz" if path.suffix in (".gz", ".tgz") else "w") as file:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(content), 1_456_749_010
            for key, value in options.items():
                setattr(info, key, value)
            file.addfile(info, io.BytesIO(content))
    return path


def write(path, files):
    return (write_zip if path.suffix == ".zip" else write_tar)(path, files)


def content(folder):
    """Every file in a folder, by its path there."""
    paths = [p for p in folder.rglob("*") if not p.is_dir() or p.is_symlink()]
    return {str(p.relative_to(folder)): p.read_bytes() for p in paths}


def refused(folder, *paths, match):
    """Nothing is written, and nothing changes, in the folder or beside it."""
    before = content(folder.parents[1])
    with pytest.raises(DataError, match=match) as error:
        archives.extract(dict.fromkeys(paths), folder)
    assert content(folder.parents[1]) == before
    assert list(folder.iterdir()) == []
    assert "as 'folder' of the dataset" in str(error.value)
    return str(error.value)


# What is sound


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.tar.gz", "a.tgz", "A.ZIP"])
def test_every_kind_is_unpacked_byte_for_byte(tmp_path, folder, name):
    path = tmp_path / name
    (write_zip if name.lower().endswith("zip") else write_tar)(path, FILES)
    assert archives.extract({path: None}, folder) == {
        name: [3, sum(map(len, FILES.values()))]
    }
    assert content(folder) == FILES
    times = {p.stat().st_mtime for p in folder.rglob("*") if p.is_file()}
    assert times == {1_456_749_010}


def test_other_files_are_copied(tmp_path, folder):
    table = tmp_path / "table.csv"
    table.write_bytes(b"x,y\n")
    assert archives.extract({table: None}, folder) == {"table.csv": [1, 4]}
    assert content(folder) == {"table.csv": b"x,y\n"}
    (folder / "table.csv").write_bytes(b"changed")
    assert table.read_bytes() == b"x,y\n"


def test_archives_share_a_folder(tmp_path, folder):
    one = write(tmp_path / "one.zip", {"x/audio/1.wav": b"1", "x/meta.csv": b"m"})
    two = write(tmp_path / "two.tgz", {"x/audio/2.wav": b"2"})
    assert archives.extract({one: None, two: None}, folder) == {
        "one.zip": [2, 2],
        "two.tgz": [1, 1],
    }
    assert content(folder) == {
        "x/audio/1.wav": b"1",
        "x/audio/2.wav": b"2",
        "x/meta.csv": b"m",
    }


@pytest.mark.parametrize("name", ["a.zip", "a.tgz"])
def test_the_folder_around_all_can_be_left_out(tmp_path, folder, name):
    files = {"./top/a.wav": b"1", "top/top/b.wav": b"2", "other/c.wav": b"3"}
    archives.extract({write(tmp_path / name, files): "top"}, folder)
    assert content(folder) == {"a.wav": b"1", "top/b.wav": b"2", "other/c.wav": b"3"}


@pytest.mark.parametrize("name", ["a.zip", "a.tgz"])
def test_what_macos_adds_is_left_out(tmp_path, folder, name):
    junk = {"__MACOSX/a/._one.wav": b"j", "a/._one.wav": b"j", "a/.DS_Store": b"j"}
    path = write(tmp_path / name, FILES | junk)
    assert archives.extract({path: None}, folder)[name][0] == 3
    assert content(folder) == FILES


def test_folders_and_permissions_of_an_archive_do_not_count(tmp_path, folder):
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as file:
        for name in (".", "a", "a/empty"):
            info = tarfile.TarInfo(name)
            info.type, info.mode = tarfile.DIRTYPE, 0
            file.addfile(info)
        info = tarfile.TarInfo("a/run.sh")
        info.mode, info.mtime = 0o6777, -5
        file.addfile(info)
    archives.extract({path: None}, folder)
    assert content(folder) == {"a/run.sh": b""}
    assert not (folder / "a" / "run.sh").stat().st_mode & (stat.S_ISUID | 0o111)


def test_progress_tells_rate_and_time_left(tmp_path, folder, caplog):
    path = write(tmp_path / "a.zip", {"noise.wav": NOISE})
    with caplog.at_level(logging.INFO, "earshift"):
        archives.extract({path: None}, folder)
    assert "a.zip: checking" in caplog.text
    assert "a.zip: unpacking: 3/3 MB" in caplog.text
    assert "0 s left" in caplog.text


# Paths that lead elsewhere


@pytest.mark.parametrize("kind", ["a.zip", "a.tar", "a.tgz"])
@pytest.mark.parametrize(
    ("name", "match"),
    [
        ("../../victim.txt", r"'\.\./\.\./victim\.txt' leads out of the folder"),
        ("a/../../../victim.txt", "leads out of the folder"),
        ("/tmp/victim.txt", "absolute path"),
        ("//victim.txt", "absolute path"),
        ("..\\..\\victim.txt", "path as on Windows"),
        ("C:/victim.txt", "path as on Windows"),
        ("__MACOSX/../../../victim.txt", "leads out of the folder"),
    ],
)
def test_a_path_that_leads_out_is_refused(tmp_path, folder, kind, name, match):
    path = write(tmp_path / kind, FILES | {name: b"overwritten"})
    message = refused(folder, path, match=match)
    assert str(path) in message
    assert name in message


def test_links_in_a_tar_are_refused(tmp_path, folder):
    for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE):
        path = write_tar(
            tmp_path / "a.tar", {"link": b""}, type=kind, linkname="../../victim.txt"
        )
        refused(folder, path, match=r"'link' is a link to '\.\./\.\./victim\.txt'")


def test_a_folder_that_is_a_link_cannot_be_written_through(tmp_path, folder):
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as file:
        info = tarfile.TarInfo("x")
        info.type, info.linkname = tarfile.SYMTYPE, "../.."
        file.addfile(info)
        info = tarfile.TarInfo("x/victim.txt")
        file.addfile(info)
    refused(folder, path, match=r"'x' is a link to '\.\./\.\.'")


@pytest.mark.parametrize("kind", [tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
def test_devices_in_a_tar_are_refused(tmp_path, folder, kind):
    path = write_tar(tmp_path / "a.tar", {"device": b""}, type=kind)
    refused(folder, path, match="'device' is a device")


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFIFO])
def test_links_and_devices_in_a_zip_are_refused(tmp_path, folder, kind):
    path = write_zip(
        tmp_path / "a.zip", {"x": b"../victim.txt"}, external_attr=kind << 16
    )
    refused(folder, path, match="'x' is a link or a device")


# Names that clash


@pytest.mark.parametrize("name", ["a.zip", "a.tgz"])
@pytest.mark.parametrize("again", ["x.wav", "./x.wav"])
@pytest.mark.filterwarnings("ignore:Duplicate name")  # of zipfile, on writing it
def test_one_name_twice_is_refused(tmp_path, folder, name, again):
    path = tmp_path / name
    if name == "a.zip":
        with zipfile.ZipFile(path, "w") as file:
            file.writestr("x.wav", b"1")
            file.writestr(again, b"2")
    else:
        with tarfile.open(path, "w:gz") as file:
            file.addfile(tarfile.TarInfo("x.wav"))
            file.addfile(tarfile.TarInfo(again))
    refused(folder, path, match=r"holds 'x\.wav' twice")


@pytest.mark.parametrize("name", ["a.zip", "a.tgz"])
def test_a_file_that_is_also_a_folder_is_refused(tmp_path, folder, name):
    path = write(tmp_path / name, {"x/y/z.wav": b"1", "x/y": b"2"})
    refused(folder, path, match=r"'x/y' is a file, and also the folder of 'x/y/z.wav'")


def test_no_archive_writes_over_what_another_one_wrote(tmp_path, folder):
    one = write(tmp_path / "one.zip", {"x/meta.csv": b"1"})
    two = write(tmp_path / "two.tgz", {"x/meta.csv": b"2"})
    message = refused(folder, one, two, match=r"holds 'x/meta\.csv', as one\.zip does")
    assert "two.tgz cannot be unpacked" in message
    three = write(tmp_path / "three.zip", {"x": b"3"})
    refused(folder, one, three, match="'x' is a file, and also the folder of")


# Broken ones


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.tar.gz"])
@pytest.mark.parametrize("share", [0.0, 0.4, 0.9])
def test_an_archive_that_is_cut_short_is_refused(tmp_path, folder, name, share):
    path = write(tmp_path / name, {f"{i}.wav": NOISE[:20_000] for i in range(9)})
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    refused(folder, path, match=f"{name} cannot be unpacked: ")


def test_a_tar_without_its_end_is_cut_short(tmp_path, folder):
    path = write(tmp_path / "a.tar", {f"{i}.wav": NOISE[:1024] for i in range(3)})
    path.write_bytes(path.read_bytes()[: 2 * 1536])  # two whole members
    refused(folder, path, match="cut short, or damaged")


def test_a_damaged_header_in_a_tar_is_no_end(tmp_path, folder):
    path = write(tmp_path / "a.tar", {f"{i}.wav": NOISE[:1024] for i in range(3)})
    broken = bytearray(path.read_bytes())
    broken[1536:1546] = b"rubbish!!!"
    path.write_bytes(broken)
    refused(folder, path, match="cut short, or damaged")


def test_a_bad_checksum_of_a_compressed_tar_is_refused(tmp_path, folder):
    path = write(tmp_path / "a.tgz", FILES)
    broken = bytearray(path.read_bytes())
    broken[-8] ^= 1  # of the checksum of the whole stream
    path.write_bytes(broken)
    refused(folder, path, match="CRC")


def test_a_damaged_member_of_a_zip_is_named(tmp_path, folder):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("x/one.wav", NOISE[:5000])
    broken = bytearray(path.read_bytes())
    broken[1000] ^= 1
    path.write_bytes(broken)
    with pytest.raises(DataError, match=r"'x/one\.wav' is damaged: Bad CRC-32"):
        archives.extract({path: None}, folder)


def test_a_table_of_contents_that_lies_is_refused(tmp_path, folder):
    path = write(tmp_path / "a.zip", {"good.wav": b"1"})
    path.write_bytes(path.read_bytes().replace(b"good.wav", b"evil.wav", 1))
    refused(folder, path, match="differ")


def test_an_encrypted_member_is_refused(tmp_path, folder):
    path = write(tmp_path / "a.zip", FILES)
    marked = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        marked[marked.index(signature) + offset] |= 1
    path.write_bytes(marked)
    refused(folder, path, match=r"'a/one\.wav' is encrypted")


def test_a_compression_that_is_not_known_is_refused(tmp_path, folder):
    path = write(tmp_path / "a.zip", {"x.wav": b"1"})
    marked = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\3\4", 8), (b"PK\1\2", 10)):
        struct.pack_into("<H", marked, marked.index(signature) + offset, 9)
    path.write_bytes(marked)
    refused(folder, path, match="compression")


@pytest.mark.parametrize("name", ["a.zip", "a.tgz"])
def test_an_archive_without_a_file_is_refused(tmp_path, folder, name):
    refused(folder, write(tmp_path / name, {}), match="there is no file in it")


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.tgz"])
def test_a_page_in_place_of_an_archive_is_refused(tmp_path, folder, name):
    (tmp_path / name).write_bytes(b"<html>log in</html>" * 99)
    refused(folder, tmp_path / name, match="it cannot be read")


# Too much


@pytest.mark.parametrize("name", ["a.zip", "a.tgz"])
def test_an_archive_that_would_fill_the_disk_is_refused(tmp_path, folder, name):
    path = write(tmp_path / name, {"zeros.wav": bytes(50_000_000)})
    assert path.stat().st_size < 60_000
    refused(folder, path, match="50000000 bytes, more than 100 times its size")


def test_room_on_the_disk_is_checked_for_all_archives_together(
    tmp_path, folder, monkeypatch
):
    usage = namedtuple("usage", "total used free")(10, 10, 3_500_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    paths = [
        write(tmp_path / f"{i}.zip", {f"{i}.wav": NOISE[:2_000_000]}) for i in range(2)
    ]
    with pytest.raises(DownloadError, match=r"4\.0 MB are needed.*3\.5 MB are free"):
        archives.extract(dict.fromkeys(paths), folder)
    assert list(folder.iterdir()) == []
    archives.extract({paths[0]: None}, folder)
    assert content(folder) == {"0.wav": NOISE[:2_000_000]}
