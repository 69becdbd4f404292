"""Write golden numbers of the pre-trained models: `python tests/data/make_golden.py`.

They are what these plugins gave when they agreed with the original implementations; the
tests then need neither those nor their files. Where weights may not be at hand, they
are seeded random ones.
"""

from pathlib import Path

import numpy as np

from earshift import load_model

CASES = {
    "MSD_musicnn/penultimate": ("musicnn", {"variant": "MSD_musicnn"}),
    "MTT_musicnn/taggram": (
        "musicnn",
        {"variant": "MTT_musicnn", "layer": "taggram"},
    ),
    "random_vggish": ("random_vggish", {}),
    "random_yamnet": ("random_yamnet", {}),
    "random_openl3/mel128": ("random_openl3", {"hop_s": 1.5}),
    "random_openl3/linear": ("random_openl3", {"input_repr": "linear", "hop_s": 1.5}),
}


def sound(n_samples=64_000, sample_rate_hz=16_000):
    """Return a plucked arpeggio with some noise, shape (n_samples,), float32."""
    t = np.arange(n_samples) / sample_rate_hz
    wave = np.zeros(n_samples)
    for i, f_hz in enumerate((196.0, 246.9, 293.7, 392.0, 493.9, 587.3)):
        since = np.maximum(t - 0.6 * i, 0.0)
        decay = np.exp(-4.0 * since) * (t >= 0.6 * i)
        for harmonic in range(1, 9):
            phase = 2 * np.pi * f_hz * harmonic * since
            wave += 0.3 / harmonic * decay * np.sin(phase)
    wave += 0.002 * np.random.RandomState(0).standard_normal(n_samples)
    return (0.5 * wave / np.abs(wave).max()).astype(np.float32)


if __name__ == "__main__":
    golden = {
        name: load_model(model, **options).embed(sound(), 16_000).values
        for name, (model, options) in CASES.items()
    }
    np.savez_compressed(Path(__file__).with_name("golden.npz"), **golden)
