"""Cohorts of patients: manifests that name them, and recipes that make phantom ones."""
