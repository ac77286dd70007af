"""The set-up page: study, checks, consent, calibration; what has to hold before a run begins."""
