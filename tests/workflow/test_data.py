"""Datasets by the workflow: fetched and unpacked once, and never half there."""

import hashlib
import io
import json
import shutil
import zipfile

import numpy as np
import pandas as pd
import pytest
import soundfile
import yaml

from tests.helpers.server import Served, serving
from tests.helpers.tones import tone
from tests.helpers.workflow import kill_when, run

pytestmark = [pytest.mark.workflow, pytest.mark.timeout(720)]

NAME = "IRMAS-TrainingData.zip"
DATA = "resources/downloads/datasets"
ARCHIVE = f"{DATA}/archives/{NAME}"
MARKER = f"{DATA}/irmas.json"
TABLE = "results/1_clips/irmas.parquet"
HALF = 20_000


@pytest.fixture(autouse=True)
def no_other_settings(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.delenv("EARSHIFT_DATASETS", raising=False)


def make_zip(files):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        for name, content in files.items():
            file.writestr(name, content)
    return stream.getvalue()


def sound(seed):
    stream = io.BytesIO()
    soundfile.write(
        stream, 0.5 * tone(200 + 10 * seed, seed=seed), 16_000, "PCM_16", format="WAV"
    )
    return stream.getvalue()


#: A tiny IRMAS, in the layout of the published archive.
CLIPS = {
    f"IRMAS-TrainingData/{code}/[{code}][cla]{10 * i + j:04d}__1.wav": sound(10 * i + j)
    for i, code in enumerate(("cel", "flu"))
    for j in range(2)
}
CONTENT = make_zip(CLIPS)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def server():
    with serving() as server:
        server.files[NAME] = Served(CONTENT)
        yield server


def write_config(folder, server, checksum=None, **downloads):
    """An experiment whose dataset irmas has no folder; the other one is empty.

    The published file is far too large, so a register of one's own replaces it.
    """
    entry = {
        "dataset": "irmas",
        "address": f"{server.address}/{NAME}",
        "licence": "CC0",
        "citation": "-",
    }
    if checksum:
        entry["checksums"] = {"sha256": checksum}
    (folder / "mine.yaml").write_text(yaml.safe_dump({NAME: entry}))
    (folder / "b").mkdir(exist_ok=True)
    config = {
        "results": "results",
        "datasets": {"irmas": None, "b": {"plugin": "table", "folder": "b"}},
        "models": "mfcc",
        "downloads": {"register": "mine.yaml"} | downloads,
    }
    (folder / "experiment.yaml").write_text(yaml.safe_dump(config))
    return folder


def succeeded(done):
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout + done.stderr


def failed(done):
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    return done.stderr


def files(folder):
    found = (folder / DATA).rglob("*")
    return {str(p.relative_to(folder / DATA)) for p in found if p.is_file()}


def unpacked(folder):
    names = {f"irmas/{name}" for name in CLIPS} | {"irmas/.archives.json", "irmas.json"}
    return names <= files(folder)


def nothing_unpacked(folder):
    names = {name for name in files(folder) if not name.startswith("archives/")}
    return names <= {"irmas.lock"}


def test_a_dataset_without_a_folder_is_fetched_unpacked_and_listed_once(
    server, tmp_path
):
    folder = write_config(tmp_path, server, SHA256)
    said = succeeded(run(folder, "--data"))
    assert server.requests == [(f"/{NAME}", None)]
    assert unpacked(folder)
    assert f"fetched {NAME}" in said
    assert "unpacked 4 files" in said
    assert json.loads((folder / MARKER).read_text()) == {
        NAME: {
            "sha256": SHA256,
            "n_files": 4,
            "n_bytes": sum(map(len, CLIPS.values())),
        }
    }
    succeeded(run(folder, TABLE))
    clips = pd.read_parquet(folder / TABLE)
    assert sorted(clips["clip_id"]) == sorted(n.split("/")[2][:-4] for n in CLIPS)
    assert set(clips["status"]) == {"ok"}
    assert clips["path"].str.startswith(f"{DATA}/irmas/IRMAS-TrainingData/").all()

    # Nothing is left to do, though label files and archives have come and gone; and
    # neither another mirror nor another folder of results fetches or unpacks again.
    inode = (folder / DATA / "irmas").stat().st_ino
    (folder / ARCHIVE).unlink()
    write_config(folder, server, SHA256, mirror="elsewhere", offline=True)
    assert "Nothing to be done" in succeeded(run(folder, "--data", TABLE, "-n"))
    said = succeeded(run(folder, "--data", "--forcerun", "fetch_archive"))
    assert "was unpacked, and is not fetched again" in said
    assert "is unpacked already" in said
    shutil.rmtree(folder / DATA / "archives")
    (folder / MARKER).unlink()
    succeeded(run(folder, "--data"))
    assert (folder / DATA / "irmas").stat().st_ino == inode
    assert unpacked(folder)
    assert len(server.requests) == 1


def test_a_killed_download_is_completed_by_the_next_run(server, tmp_path):
    folder = write_config(tmp_path, server, SHA256)
    server.files[NAME].holds = [HALF]
    part = (folder / ARCHIVE).with_name(f"{NAME}.part")
    kill_when(folder, lambda: part.exists() and part.stat().st_size == HALF, "--data")
    assert files(folder) == {
        *(f"archives/{NAME}.{ending}" for ending in ("part", "part.json", "lock"))
    }
    succeeded(run(folder, "--data"))
    assert server.ranges == [None, f"bytes={HALF}-"]
    assert (folder / ARCHIVE).read_bytes() == CONTENT
    assert unpacked(folder)


def test_a_killed_unpacking_is_begun_anew_by_the_next_run(server, tmp_path):
    noise = np.random.default_rng(0).bytes(20_000)
    many = {f"IRMAS-TrainingData/cel/{i}.txt": noise for i in range(5000)}
    server.files[NAME].content = make_zip(many | CLIPS)
    folder = write_config(tmp_path, server)
    unfinished = folder / DATA / ".irmas.unfinished"
    first = unfinished / "IRMAS-TrainingData" / "cel" / "9.txt"
    kill_when(folder, first.exists, "--data")
    assert first.exists()
    assert not (folder / DATA / "irmas").exists()
    assert not (folder / MARKER).exists()
    succeeded(run(folder, "--data"))
    assert unpacked(folder)
    assert not unfinished.exists()
    texts = list((folder / DATA / "irmas").rglob("*.txt"))
    assert len(texts) == 5000
    assert all(text.read_bytes() == noise for text in texts)
    assert len(server.requests) == 1


def test_a_corrupt_archive_is_refused_and_kept_aside(server, tmp_path):
    folder = write_config(tmp_path, server, SHA256)
    corrupt = CONTENT.replace(b"RIFF", b"RAFF")
    server.files[NAME].content = corrupt
    digits = hashlib.sha256(corrupt).hexdigest()
    said = failed(run(folder, "--data"))
    assert f"sha256 {SHA256} expected, {digits} found" in said
    assert (folder / f"{ARCHIVE}.bad-{digits[:8]}").read_bytes() == corrupt
    assert not (folder / ARCHIVE).exists()
    assert nothing_unpacked(folder)


def test_a_path_that_leads_out_is_refused_and_nothing_is_written(server, tmp_path):
    folder = write_config(tmp_path, server)
    server.files[NAME].content = make_zip(CLIPS | {"../../../../victim.txt": b"1"})
    said = failed(run(folder, "--data"))
    assert f"{ARCHIVE} cannot be unpacked" in said
    assert "'../../../../victim.txt' leads out of the folder" in said
    assert nothing_unpacked(folder)
    assert not list(tmp_path.rglob("victim.txt"))


def test_a_mirror_serves_offline_and_a_folder_of_ones_own_needs_neither(
    server, tmp_path
):
    folder = write_config(tmp_path, server, SHA256, offline=True)
    said = failed(run(folder, "--data"))
    assert f"{NAME} is needed, but 'downloads: offline' is set" in said
    assert f"put it at {folder / ARCHIVE}" in said
    (folder / "mirror").mkdir()
    (folder / "mirror" / NAME).write_bytes(CONTENT)
    write_config(folder, server, SHA256, offline=True, mirror="mirror")
    succeeded(run(folder, "--data"))
    assert unpacked(folder)
    (folder / DATA).rename(folder / "elsewhere")
    config = yaml.safe_load((folder / "experiment.yaml").read_text())
    config["datasets"]["irmas"] = {"folder": "elsewhere/irmas"}
    (folder / "experiment.yaml").write_text(yaml.safe_dump(config))
    said = succeeded(run(folder, TABLE))
    assert "fetch_archive" not in said
    assert len(pd.read_parquet(folder / TABLE)) == 4
    assert not (folder / DATA).exists()
    assert server.requests == []


def test_a_lab_keeps_its_datasets_in_a_register_of_its_own(
    server, tmp_path, monkeypatch
):
    """The plugin is `table`; the folder of datasets is shared."""
    monkeypatch.setenv("EARSHIFT_DATASETS", str(tmp_path / "shared"))
    table = "path,label,recording\n" + "".join(
        f"x/{i}.wav,{label},{i}\n" for i, label in enumerate(("dog", "cat"))
    )
    server.files["birds.zip"] = Served(
        make_zip({f"x/{i}.wav": sound(i) for i in (0, 1)})
    )
    server.files["clips.csv"] = Served(table.encode())
    entries = {
        name: {
            "dataset": "birds",
            "address": f"{server.address}/{name}",
            "licence": "CC0",
            "citation": "-",
        }
        for name in ("birds.zip", "clips.csv")
    }
    folder = write_config(tmp_path, server)
    (folder / "mine.yaml").write_text(yaml.safe_dump(entries))
    config = yaml.safe_load((folder / "experiment.yaml").read_text())
    config["datasets"] = {"birds": {"plugin": "table"}, "b": config["datasets"]["b"]}
    (folder / "experiment.yaml").write_text(yaml.safe_dump(config))
    succeeded(run(folder, "results/1_clips/birds.parquet"))
    clips = pd.read_parquet(folder / "results/1_clips/birds.parquet")
    assert list(clips["path"]) == [f"{tmp_path}/shared/birds/x/{i}.wav" for i in (0, 1)]
    assert set(json.loads((tmp_path / "shared/birds.json").read_text())) == set(entries)
