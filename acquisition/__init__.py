"""Acquisition: takes brain data in, cleans it causally, and judges its quality."""
