"""Results out to other programs: feedback score, category and state as LSL streams."""
