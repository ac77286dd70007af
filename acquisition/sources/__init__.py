"""Readers of brain data: DICOM, NIfTI and watched folders, XDF, BrainVision, EDF, LSL."""
