"""Arithmetic of arrays, without files, settings or names."""
