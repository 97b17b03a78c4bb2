"""Phantom brain patients with white matter lesions."""
