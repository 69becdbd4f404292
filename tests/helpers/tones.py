"""Tones, and a dataset of them."""

from pathlib import Path

import numpy as np
import pandas as pd
import soundfile


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
