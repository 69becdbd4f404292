"""Melodies that no two seeds have in common."""

import numpy as np

RATE = 44_100


def melody(seed, seconds=5.0, rate=RATE):
    """Notes with partials, vibrato and decay, a little noise."""
    rng = np.random.default_rng(seed)
    t = np.arange(int(seconds * rate)) / rate
    out = 0.003 * rng.standard_normal(len(t))
    start = 0.0
    while start < seconds:
        sounds = t >= start
        out[sounds] += note(rng, t[sounds] - start)
        start += rng.uniform(0.2, 0.6)
    return (0.2 * out).astype(np.float32)


def note(rng, t, hertz=None):
    """One struck note, from t = 0 on; each take differs as takes do."""
    hertz = hertz or 110 * 2 ** (rng.integers(0, 37) / 12)
    hertz *= 1 + 0.002 * rng.standard_normal()
    depth, speed = rng.uniform(0.001, 0.004), rng.uniform(4, 7)
    phase = hertz * (t + depth * np.sin(2 * np.pi * speed * t) / speed)
    # Sines of all partials from powers of one exponential.
    turn = np.exp(2j * np.pi * phase)
    parts = np.zeros_like(turn)
    sizes = [
        rng.uniform(0.5, 1.5) / k * np.exp(2j * np.pi * rng.uniform())
        for k in range(1, 9)
    ]
    for size in reversed(sizes):
        parts = (parts + size) * turn
    decay = np.exp(-np.maximum(t, 0) * rng.uniform(1, 3))
    return np.where(t >= 0, parts.imag * decay, 0)
