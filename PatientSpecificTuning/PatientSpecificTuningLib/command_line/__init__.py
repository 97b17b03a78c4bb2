"""The command line: what python -m PatientSpecificTuningLib runs."""
