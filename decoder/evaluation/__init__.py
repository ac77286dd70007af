"""Measures percepts of data that a decoder was not fitted on, and reports on them."""
