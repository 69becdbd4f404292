"""Fixtures that several folders of tests use."""

import ctypes
import os
import signal
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile


def pytest_configure():
    """End with what started the tests: make, or the process that shares them out.

    Either may be killed; what goes on without it would disturb whatever comes next.
    """
    shared = "PYTEST_XDIST_WORKER" in os.environ
    if sys.platform == "linux" and (shared or "MAKELEVEL" in os.environ):
        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)


def pytest_collection_modifyitems(items):
    """Begin with the slow files where several processes share the work."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        items.sort(key=lambda item: item.get_closest_marker("workflow") is None)


@pytest.fixture
def two_domains():
    """Two datasets of 100 clips in 6 features, shifted along a random direction."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((200, 6)) * [1, 2, 1, 0.5, 1, 3]
    domain = np.repeat(["a", "b"], 100)
    X[domain == "b"] += 3 * rng.standard_normal(6)
    return X, domain


def domain_r2(X, domain):
    """Share of the domain's variance that a least-squares classifier explains."""
    target = (domain == np.unique(domain)[0]).astype(float)
    design = np.column_stack([X, np.ones(len(X))])
    residual = target - design @ np.linalg.lstsq(design, target, rcond=None)[0]
    return 1 - residual.var() / target.var()


def tone(frequency_hz, duration_s=1.0, sample_rate_hz=16_000, level=0.3, seed=0):
    """A decaying harmonic tone with a little noise, shape (n_samples,)."""
    t = np.arange(int(duration_s * sample_rate_hz)) / sample_rate_hz
    noise = np.random.default_rng(seed).standard_normal(len(t))
    partials = sum(np.sin(2 * np.pi * k * frequency_hz * t) / k for k in (1, 2, 3))
    return level * (partials * np.exp(-t) + 0.01 * noise)


def write_table_dataset(folder: Path, n_recordings=6, rate=16_000, hum=0.0, seed=0):
    """A folder with clips.csv: high and low tones, two clips a recording."""
    rng = np.random.default_rng(seed)
    rows = []
    (folder / "audio").mkdir(parents=True)
    for label, low in (("bass", 80), ("treble", 900)):
        for recording in range(n_recordings):
            for take in range(2):
                name = f"audio/{label}_{recording}_{take}.wav"
                pitch = low * rng.uniform(1, 1.5)
                sound = tone(pitch, 1.2, rate, seed=rng.integers(1 << 30))
                t = np.arange(len(sound)) / rate
                sound = sound + hum * np.sin(2 * np.pi * 50 * t)
                soundfile.write(folder / name, 0.5 * sound, rate)
                subgroup = ("x", "y")[recording % 2]
                rows.append((name, label, f"{label}{recording}", subgroup))
    columns = ["path", "label", "recording", "subgroup"]
    pd.DataFrame(rows, columns=columns).to_csv(folder / "clips.csv", index=False)
    return folder


@pytest.fixture
def table_dataset(tmp_path):
    return write_table_dataset(tmp_path / "data")


@pytest.fixture(scope="session")
def s3_server():
    """The address of a bucket on a server of this machine that speaks S3."""
    pytest.importorskip("s3fs", reason="the extra 'remote' is not installed")
    server = pytest.importorskip("moto.server", reason="moto is not installed")
    service = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    service.start()
    host, port = service.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("no_proxy", host)
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        import s3fs

        s3fs.S3FileSystem().mkdir("bucket")
        yield "s3://bucket"
    service.stop()
