"""The memory of stages 1 and 2 does not grow with the length of a recording."""

import subprocess
import sys

import soundfile

from tests.helpers.tones import tone

#: A model that is as fast as its input.
ENERGY = """
from earshift.models import Framing, ModelSpec
env, version, licence, citation = "analysis", 1, "", ""
def spec():
    framing = Framing(window=22_050, hop=11_025)
    return ModelSpec(sample_rate_hz=22_050, framing=framing, n_features=1)
def network(spec):
    return lambda windows: (windows**2).mean(axis=1, keepdims=True)
"""

#: Lists and embeds one clip, and prints how much memory the process took at most.
MEASURE = """
import resource, sys
from pathlib import Path
from earshift import store
from earshift.stages.clips import listing as clips
from earshift.stages.embeddings import extraction as embeddings, indexing, regions
folder = Path(sys.argv[1])
entry = {"plugin": "table", "folder": str(folder)}
table, plan = folder / "clips.parquet", folder / "e.plan.json"
clips.list_clips(
    "d", entry, table=table, audit=folder / "a.csv", max_bad_clips=0, n_threads=2
)
model = {"plugin": str(folder / "energy.py")}
regions.plan_regions(
    "m", model, table=table, versions={}, location=folder / "e.zarr", dtype="float32",
    pooling=[], audio_s_per_job=1, max_jobs=1, plan=plan,
)
embeddings.extract_region(
    "m", model, plan=plan, region="000000", marker=folder / "000000.json",
    max_bad_clips=0, n_threads=2,
)
indexing.index_embeddings(plan, [folder / "000000.json"], out=folder / "i.parquet")
_, _, n_frames = store.read_index(folder / "e.zarr")
print(n_frames[0], resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def test_a_recording_of_three_hours_takes_no_more_memory_than_one_of_two_minutes(
    tmp_path,
):
    peak_mib = {}
    for minutes in (2, 180):
        folder = tmp_path / str(minutes)
        folder.mkdir()
        with soundfile.SoundFile(folder / "long.wav", "w", 8_000, 1) as file:
            for i in range(minutes):
                file.write(tone(100 + i, 60.0, 8_000))
        (folder / "energy.py").write_text(ENERGY)
        row = "path,label,recording\nlong.wav,x,r\n"
        (folder / "clips.csv").write_text(row)
        done = subprocess.run(
            [sys.executable, "-c", MEASURE, str(folder)],
            capture_output=True,
            text=True,
            timeout=250,
            check=True,
        )
        n_frames, memory = done.stdout.split()
        assert int(n_frames) == 120 * minutes - 1
        peak_mib[minutes] = float(memory)
    # As a whole it would be 330 MiB at the file's rate, and 900 MiB at the model's.
    assert peak_mib[180] < peak_mib[2] + 40
