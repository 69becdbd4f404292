"""Registered files: where they come from, fetched, verified, unpacked."""
