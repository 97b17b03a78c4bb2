"""Phantom abdomens with liver metastases in DCE-MRI and DWI."""
