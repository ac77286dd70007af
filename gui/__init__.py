"""The operator's window and the participant's; the only package that imports Qt."""
