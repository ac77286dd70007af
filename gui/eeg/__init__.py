"""The operator's views of EEG: traces, quality, spectra, markers, averages."""
