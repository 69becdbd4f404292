"""How bytes come: whole, resumed, tried again, by one process at a time."""

import json
import logging
import shutil
import subprocess
import sys
import time
from collections import namedtuple

import pytest

from earshift.downloads import transfer
from earshift.downloads.fetch import fetch
from earshift.errors import DownloadError
from tests.helpers.places import SCRIPTS
from tests.helpers.server import (
    CONTENT,
    HALF,
    NAME,
    OTHER,
    Served,
    an_entry,
    left,
    serving,
)
from tests.helpers.waiting import wait_for

# One whole download


def test_a_file_is_brought_whole_and_nothing_is_left_beside_it(server, entry, target):
    fetch(entry, target)
    assert target.read_bytes() == CONTENT
    names = {file.name for file in target.parent.iterdir()}
    assert names == {NAME, f"{NAME}.lock"}
    assert server.requests == [(f"/{NAME}", None)]


def test_a_second_fetch_makes_no_request(server, entry, target, caplog):
    fetch(entry, target)
    with caplog.at_level(logging.DEBUG, "earshift"):
        fetch(entry, target, mirror="elsewhere", offline=True)
    assert "is there, and verified" in caplog.text
    assert target.read_bytes() == CONTENT
    assert len(server.requests) == 1


def test_progress_tells_rate_and_time_left(server, target, caplog):
    server.files[NAME].content = b"\x1f\x8b" + bytes(3_200_000)
    with caplog.at_level(logging.INFO, "earshift"):
        fetch(an_entry(server), target)
    assert f"{NAME}: 3/3 MB" in caplog.text
    assert "0 s left" in caplog.text


def test_a_redirect_is_followed_and_resumed(server, entry, target):
    server.files["moved"] = Served(CONTENT, cuts=[HALF])
    server.files[NAME].moved_to = f"{server.address}/moved"
    fetch(entry, target)
    assert target.read_bytes() == CONTENT
    assert server.ranges == [None, None, f"bytes={HALF}-", f"bytes={HALF}-"]


def test_a_server_need_not_say_how_long_the_file_is(server, target):
    server.files[NAME].says_length = False
    fetch(an_entry(server, size_bytes=len(CONTENT)), target)
    assert target.read_bytes() == CONTENT


def test_without_length_and_checksum_a_file_cut_short_is_not_taken(server, target):
    server.files[NAME].says_length = False
    with pytest.raises(DownloadError, match="came without its length"):
        fetch(an_entry(server, size_bytes=None, checksums={}), target)
    assert not target.exists()
    assert not target.with_name("pins.json").exists()


# Cut off, and resumed


@pytest.mark.parametrize(
    "validator",
    [
        {"etag": '"1"'},
        {"etag": None, "last_modified": "Wed, 01 Jan 2020 00:00:00 GMT"},
        {"etag": 'W/"1"', "last_modified": "Wed, 01 Jan 2020 00:00:00 GMT"},
    ],
    ids=["ETag", "Last-Modified", "weak ETag"],
)
def test_only_what_is_missing_is_asked_for_again(server, entry, target, validator):
    server.files[NAME] = Served(CONTENT, cuts=[HALF], **validator)
    fetch(entry, target)
    assert target.read_bytes() == CONTENT
    assert server.ranges == [None, f"bytes={HALF}-"]
    assert server.answers == [200, 206]
    assert left(target) == {NAME}


def test_a_connection_may_fail_often_as_long_as_something_comes(server, entry, target):
    server.files[NAME].cuts = [70_000] * 9
    fetch(entry, target)
    assert target.read_bytes() == CONTENT
    assert server.ranges[1:] == [f"bytes={i * 70_000}-" for i in range(1, 10)]


def test_a_connection_on_which_nothing_comes_is_given_up(server, entry, target):
    server.files[NAME].cuts = [HALF, 0, 0, 0, 0]
    with pytest.raises(
        DownloadError, match="cut off after 300000 of 700002 bytes"
    ) as e:
        fetch(entry, target)
    assert entry.address in str(e.value)
    assert "By hand" in str(e.value)
    assert len(server.requests) == 5 - 1
    assert not target.exists()
    server.files[NAME].cuts = []
    fetch(entry, target)
    assert target.read_bytes() == CONTENT
    assert server.ranges[-1] == f"bytes={HALF}-"


def test_silence_counts_as_cut_off(server, entry, target, monkeypatch):
    monkeypatch.setattr(transfer, "TIMEOUT_S", 0.2)
    server.files[NAME].holds = [HALF]
    fetch(entry, target)
    assert target.read_bytes() == CONTENT
    assert server.ranges == [None, f"bytes={HALF}-"]


@pytest.mark.parametrize("status", [500, 503, 429])
def test_a_passing_refusal_is_tried_again(server, entry, target, status):
    server.files[NAME].statuses = [status, status]
    fetch(entry, target)
    assert target.read_bytes() == CONTENT
    assert len(server.requests) == 3


@pytest.mark.parametrize("status", [403, 404, 410])
def test_a_lasting_refusal_is_reported_at_once(server, entry, target, status):
    server.files[NAME].statuses = [status]
    with pytest.raises(DownloadError, match=f"{status}.*By hand: get http.*") as error:
        fetch(entry, target)
    assert f"{entry.address} could not be fetched" in str(error.value)
    assert f"put it at {target}" in str(error.value)
    assert "downloads: mirror" in str(error.value)
    assert len(server.requests) == 1
    assert left(target) == set()


def test_a_server_that_is_not_there_is_reported(server, target):
    with serving() as gone:
        address = gone.address
    with pytest.raises(DownloadError, match=r"127\.0\.0\.1.*refused.*By hand"):
        fetch(an_entry(server, address=f"{address}/{NAME}"), target)


def test_a_file_that_changed_in_between_is_fetched_from_its_beginning(
    server, entry, target
):
    server.files[NAME] = Served(OTHER, cuts=[HALF, 0, 0, 0])
    with pytest.raises(DownloadError, match="cut off"):
        fetch(entry, target)
    server.files[NAME] = Served(CONTENT, etag='"2"')
    fetch(entry, target)
    assert server.ranges[-1] == f"bytes={HALF}-"
    assert target.read_bytes() == CONTENT


@pytest.mark.parametrize("change", [{"etag": '"2"'}, {"content": CONTENT + b"more"}])
def test_a_server_that_minds_no_if_range_does_not_mix_two_files(
    server, unknown, target, change
):
    server.files[NAME] = Served(OTHER, cuts=[HALF, 0, 0, 0])
    with pytest.raises(DownloadError, match="cut off"):
        fetch(unknown, target)
    server.files[NAME] = Served(**{"content": CONTENT} | change, minds_if_range=False)
    fetch(unknown, target)
    assert server.ranges[-2:] == [f"bytes={HALF}-", None]
    assert target.read_bytes() == server.files[NAME].content


@pytest.mark.parametrize(
    "server_is", [{"knows_ranges": False}, {"etag": None}], ids=["no ranges", "no tag"]
)
def test_a_server_that_cannot_resume_sends_all_again(server, entry, target, server_is):
    server.files[NAME] = Served(CONTENT, cuts=[HALF], **server_is)
    fetch(entry, target)
    assert target.read_bytes() == CONTENT
    assert len(server.requests) == 2


def test_a_part_from_another_address_is_not_continued(server, entry, target):
    server.files[NAME].cuts = [HALF, 0, 0, 0]
    with pytest.raises(DownloadError, match="cut off"):
        fetch(entry, target)
    server.files[f"mirror/{NAME}"] = Served(CONTENT)
    fetch(entry, target, mirror=f"{server.address}/mirror")
    assert server.requests[4:] == [(f"/mirror/{NAME}", None)]
    assert target.read_bytes() == CONTENT


def leave_part(target, address, content, total):
    """What a killed process leaves."""
    target.parent.mkdir()
    target.with_name(f"{NAME}.part").write_bytes(content)
    facts = {"etag": '"1"', "last_modified": None, "total_bytes": total}
    memory = target.with_name(f"{NAME}.part.json")
    memory.write_text(json.dumps({"address": address, **facts}))


def test_a_part_that_is_whole_is_not_fetched_again(server, entry, target):
    leave_part(target, entry.address, CONTENT, len(CONTENT))
    fetch(entry, target)
    assert target.read_bytes() == CONTENT
    assert server.requests == []


def test_a_part_longer_than_the_file_is_begun_anew(server, entry, target):
    leave_part(target, entry.address, CONTENT + b"more", None)
    fetch(entry, target)
    assert target.read_bytes() == CONTENT
    assert server.ranges == [f"bytes={len(CONTENT) + 4}-", None]


def test_a_part_of_which_nothing_is_known_is_begun_anew(server, entry, target):
    leave_part(target, entry.address, CONTENT[:HALF], len(CONTENT))
    target.with_name(f"{NAME}.part.json").write_text("{")
    fetch(entry, target)
    assert target.read_bytes() == CONTENT
    assert server.ranges == [None]


# Several processes


def fetching(entry, target):
    """Fetch in a process of its own, which logs to its standard error."""
    code = (
        "import logging, sys\n"
        "from pathlib import Path\n"
        "from earshift.downloads.fetch import fetch\n"
        "from earshift.downloads.catalogue import Entry\n"
        "logging.basicConfig(level=logging.INFO)\n"
        f"fetch(Entry(**{vars(entry)!r}), Path(sys.argv[1]))\n"
    )
    return subprocess.Popen(
        [sys.executable, "-c", code, str(target)],
        env={"PYTHONPATH": str(SCRIPTS), "no_proxy": "127.0.0.1"},
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_killed_download_is_resumed_by_the_next(server, entry, target):
    server.files[NAME].holds = [3_000]
    part = target.with_name(f"{NAME}.part")
    with fetching(entry, target) as process:
        wait_for(
            lambda: part.exists() and part.stat().st_size == 3_000, "the first part"
        )
        process.kill()
    assert not target.exists()
    assert part.read_bytes() == CONTENT[:3_000]
    fetch(entry, target)
    assert target.read_bytes() == CONTENT
    assert server.ranges == [None, "bytes=3000-"]
    assert left(target) == {NAME}


def test_of_two_processes_one_fetches_and_the_other_waits(server, entry, target):
    server.files[NAME].holds = [HALF]
    with fetching(entry, target) as first:
        wait_for(lambda: server.requests, "a request")
        with fetching(entry, target) as second:
            assert "another process holds" in second.stderr.readline()
            time.sleep(0.2)  # in which it must do nothing
            assert len(server.requests) == 1
            server.let_go.set()
    assert (first.returncode, second.returncode) == (0, 0)
    assert len(server.requests) == 1
    assert target.read_bytes() == CONTENT


# The disk


def test_room_on_the_disk_is_checked_before_anything_is_written(
    server, entry, target, monkeypatch
):
    usage = namedtuple("usage", "total used free")(10, 10, 600_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(DownloadError, match=r"0\.7 MB are needed.*0\.6 MB are free"):
        fetch(entry, target)
    assert not target.with_name(f"{NAME}.part").exists()
    assert len(server.requests) == 1


def test_a_folder_that_cannot_be_made_is_reported(entry, target):
    target.parent.write_text("in the way")
    with pytest.raises(DownloadError, match=f"{NAME} is to be at {target}, but"):
        fetch(entry, target)
