"""Sound files and waveforms: reading, resampling, what is measured of them."""
