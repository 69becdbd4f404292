"""Datasets as domains, their folds, and the classifiers fitted to them: arrays."""
