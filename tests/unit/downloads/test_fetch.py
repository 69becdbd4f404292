"""What comes: checked, kept aside if bad, pinned; from mirrors; and offline."""

import hashlib
import json
import logging

import pytest

from earshift.downloads.fetch import fetch, verify
from earshift.errors import ConfigError, DownloadError, WeightsError
from tests.helpers.server import CONTENT, NAME, OTHER, Served, an_entry, left

PAGE = b"<!DOCTYPE html><title>Log in</title>"


def sha256(content):
    return hashlib.sha256(content).hexdigest()


def bad(content, name=NAME):
    return f"{name}.bad-{sha256(content)[:8]}"


# What came is not what is registered


def test_wrong_bytes_are_kept_aside_and_reported(server, entry, target):
    server.files[NAME].content = OTHER
    with pytest.raises(DownloadError) as error:
        fetch(entry, target)
    message = str(error.value)
    assert f"sha256 {sha256(CONTENT)} expected, {sha256(OTHER)} found" in message
    assert entry.address in message
    assert str(target.with_name(bad(OTHER))) in message
    assert "Run again" in message
    assert left(target) == {bad(OTHER)}
    assert target.with_name(bad(OTHER)).read_bytes() == OTHER
    server.files[NAME].content = CONTENT
    fetch(entry, target)
    assert server.ranges == [None, None]
    assert target.read_bytes() == CONTENT


def test_a_page_in_place_of_the_file_is_refused_without_a_checksum(server, target):
    server.files["net.h5"] = Served(PAGE)
    with pytest.raises(DownloadError, match=r"not begin as an HDF5 file.*HTML"):
        fetch(an_entry(server, "net.h5", checksums={}), target.with_name("net.h5"))
    assert left(target) == {bad(PAGE, "net.h5")}


def test_a_file_of_another_length_is_refused(server, target):
    with pytest.raises(DownloadError, match="9 bytes expected, 700002 found"):
        fetch(an_entry(server, size_bytes=9, checksums={}), target)
    assert left(target) == {bad(CONTENT)}


def test_a_bad_file_that_is_there_is_set_aside_and_fetched(entry, target, caplog):
    target.parent.mkdir()
    target.write_bytes(OTHER)
    fetch(entry, target)
    assert f"{sha256(CONTENT)} expected, {sha256(OTHER)} found" in caplog.text
    assert left(target) == {NAME, bad(OTHER)}
    assert target.read_bytes() == CONTENT


# No checksum is published


def test_the_first_file_that_comes_is_pinned(unknown, target, caplog):
    with caplog.at_level(logging.INFO, "earshift"):
        fetch(unknown, target)
    pins = target.with_name("pins.json")
    said = f"no checksum is published for {NAME}: pinned sha256 {sha256(CONTENT)} in"
    assert f"{said} {pins}" in caplog.text
    pin = json.loads(pins.read_text())[NAME]
    assert pin.pop("date").endswith("+00:00")
    assert pin == {
        "sha256": sha256(CONTENT),
        "size_bytes": len(CONTENT),
        "address": unknown.address,
    }


def test_later_files_are_held_to_the_pin(server, unknown, target):
    fetch(unknown, target)
    pinned = target.with_name("pins.json").read_text()
    target.unlink()
    server.files[NAME].content = OTHER
    with pytest.raises(DownloadError, match=r"no checksum is published.*delete it"):
        fetch(unknown, target)
    assert left(target) == {"pins.json", bad(OTHER)}
    target.write_bytes(OTHER)
    with pytest.raises(WeightsError, match=f"{sha256(CONTENT)} expected"):
        verify(target, unknown)
    assert target.with_name("pins.json").read_text() == pinned
    server.files[NAME].content = CONTENT
    fetch(unknown, target)
    verify(target, unknown)
    assert target.read_bytes() == CONTENT


def test_each_file_has_its_pin_and_a_published_checksum_needs_none(
    server, entry, target
):
    fetch(entry, target)
    assert left(target) == {NAME}
    for name in ("a.gz", "b.gz"):
        server.files[name] = Served(CONTENT)
        fetch(an_entry(server, name, checksums={}), target.with_name(name))
    assert set(json.loads(target.with_name("pins.json").read_text())) == {
        *("a.gz", "b.gz")
    }


def test_a_checksum_that_is_published_later_outranks_the_pin(server, unknown, target):
    fetch(unknown, target)
    server.files[NAME].content = OTHER
    target.write_bytes(OTHER)
    verify(target, an_entry(server))


def test_a_file_that_was_copied_by_hand_is_pinned_too(server, unknown, target):
    target.parent.mkdir()
    target.write_bytes(CONTENT)
    fetch(unknown, target, offline=True)
    assert server.requests == []
    pin = json.loads(target.with_name("pins.json").read_text())[NAME]
    assert pin["sha256"] == sha256(CONTENT)


@pytest.mark.parametrize("text", ["{", "[]", '{"net.h5.gz": {}}', '{"net.h5.gz": 1}'])
def test_damaged_pins_condemn_no_file(unknown, target, text):
    fetch(unknown, target)
    target.with_name("pins.json").write_text(text)
    with pytest.raises(ConfigError, match=r"pins\.json"):
        fetch(unknown, target)
    assert target.read_bytes() == CONTENT


# Offline, and mirrors


def test_offline_says_which_file_is_needed_and_where_to_put_it(server, entry, target):
    for mirror in (None, server.address):
        with pytest.raises(DownloadError, match="'downloads: offline'") as error:
            fetch(entry, target, mirror=mirror, offline=True)
        message = str(error.value)
        assert message.startswith(f"{NAME} is needed")
        assert f"get {entry.address} " in message
        assert f"put it at {target}." in message
    assert server.requests == []
    assert left(target) == set()


@pytest.mark.parametrize("offline", [True, False])
@pytest.mark.parametrize("as_address", [True, False])
def test_a_local_mirror_serves_without_the_network(
    server, unknown, target, tmp_path, offline, as_address
):
    folder = tmp_path / "my mirror"
    folder.mkdir()
    (folder / NAME).write_bytes(CONTENT)
    mirror = folder.as_uri() if as_address else str(folder)
    fetch(unknown, target, mirror=mirror, offline=offline)
    assert target.read_bytes() == CONTENT
    assert (folder / NAME).read_bytes() == CONTENT
    assert server.requests == []
    pin = json.loads(target.with_name("pins.json").read_text())[NAME]
    assert pin["address"] == str(folder / NAME)


def test_a_mirror_on_the_network_holds_files_by_name(server, target):
    server.files["mirror/a b.gz"] = server.files["a b.gz"] = Served(CONTENT)
    fetch(an_entry(server, "a b.gz"), target, mirror=f"{server.address}/mirror/")
    assert server.requests == [("/mirror/a%20b.gz", None)]
    assert target.read_bytes() == CONTENT


def test_a_mirror_that_lacks_the_file_is_named(server, entry, target, tmp_path):
    with pytest.raises(DownloadError, match=rf"no file {tmp_path}/{NAME}.*By hand"):
        fetch(entry, target, mirror=str(tmp_path))
    assert server.requests == []


def test_a_mirror_is_checked_like_any_source(entry, target, tmp_path):
    (tmp_path / NAME).write_bytes(OTHER)
    with pytest.raises(DownloadError, match=f"{sha256(OTHER)} found"):
        fetch(entry, target, mirror=str(tmp_path))
    assert left(target) == {bad(OTHER)}
    assert (tmp_path / NAME).read_bytes() == OTHER


# Verification


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.h5", b"\x89HDF\r\n\x1a\n..."),
        ("a.h5.gz", b"\x1f\x8b..."),
        ("a.npz", b"PK\x03\x04..."),
        ("a.ckpt", b"..." + (0xDB4775248B80FB57).to_bytes(8, "little")),
    ],
)
def test_the_kind_of_a_file_is_known_by_its_bytes(server, tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    server.files[name] = Served(content)
    entry = an_entry(server, name, checksums={})
    verify(path, entry)
    for wrong in (b"", content[3:] + b"...", PAGE):
        path.write_bytes(wrong)
        with pytest.raises(WeightsError, match=f"not the registered {name}: it does"):
            verify(path, entry)


def test_every_checksum_must_hold(server, tmp_path):
    path = tmp_path / "hello.txt"
    path.write_text("hello\n")
    server.files["hello.txt"] = Served(b"hello\n")
    right = {
        "md5": "b1946ac92492d2347c6235b4d2611184",
        # What `git hash-object` says of it.
        "git_sha1": "ce013625030ba8dba906f756967f9e9ca394464a",
        "sha256": "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03",
    }
    verify(path, an_entry(server, "hello.txt", checksums=right))
    for kind in right:
        wrong = right | {kind: right[kind][:-1] + "f"}
        with pytest.raises(WeightsError, match=f"{kind} {wrong[kind]} expected"):
            verify(path, an_entry(server, "hello.txt", checksums=wrong))


def test_a_file_that_is_not_there_is_not_verified(entry, target):
    with pytest.raises(WeightsError, match=f"{NAME} is needed.*Get it from http"):
        verify(target, entry)
