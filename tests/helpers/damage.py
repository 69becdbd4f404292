"""What befalls folders of audio and tables of labels on their way to a user."""

import os
import shutil
from contextlib import contextmanager

import pytest


def add_odd_files(folder, path):
    """Put files beside a clip that folders of audio do have; return what is audio.

    Copies of the clip have its label file beside them, where it has one. The last two
    are an empty file and a folder.
    """
    clip = folder / path
    stems = (
        *(f"._{clip.stem}", f".{clip.stem}", f"{clip.stem} (1)", "a b, 'c' \"d\""),
        *("caf\u00e9", "cafe\u0301", "-x", "[1] *?"),
    )
    copies = [clip.with_name(stem + clip.suffix) for stem in stems]
    copies.append(clip.with_suffix(clip.suffix.upper()))
    for copy in copies:
        shutil.copy(clip, copy)
        if clip.with_suffix(".txt").is_file() and copy.stem != clip.stem:
            shutil.copy(clip.with_suffix(".txt"), copy.with_suffix(".txt"))
    copies[0].write_bytes(b"\0\5\x16\7\0")  # what macOS adds to archives
    clip.with_name("README.txt").write_text("Please cite us.")
    clip.with_name(".DS_Store").write_bytes(b"\0\0\0\1Bud1")
    empty, inner = (clip.with_name(n + clip.suffix) for n in ("empty", "folder"))
    empty.touch()
    inner.mkdir()
    return [str(f.relative_to(folder)) for f in (*copies, empty, inner)]


@contextmanager
def sorted_folders(*, reverse):
    """Let the system list each folder in this order."""
    scan, list_names = os.scandir, os.listdir

    @contextmanager
    def scandir(path="."):
        with scan(path) as entries:
            yield iter(sorted(entries, key=lambda e: e.name, reverse=reverse))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "scandir", scandir)
        patch.setattr(
            os, "listdir", lambda p=".": sorted(list_names(p), reverse=reverse)
        )
        yield


def cut(content):
    """Ends of a file that came over in part: at a half, and before its last letter."""
    yield content[: len(content) // 2]
    yield content.rstrip()[:-1]


def with_a_blank_cell(content):
    """A text with each cell of its last row blank in turn."""
    try:
        *rows, last = content.decode().strip().splitlines()
    except UnicodeDecodeError:
        return
    between = "\t" if "\t" in last else ","
    cells = last.split(between)
    for i in range(len(cells) if len(cells) > 1 else 0):
        blank = between.join([*cells[:i], "", *cells[i + 1 :]])
        yield "\n".join([*rows, blank, ""]).encode()
