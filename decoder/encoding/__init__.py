"""Encoding analysis: which features of what was seen predict which voxel (`phosphene encode`)."""
