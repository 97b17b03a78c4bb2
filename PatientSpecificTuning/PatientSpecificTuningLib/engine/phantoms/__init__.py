"""Patients that never were, with known truth."""
