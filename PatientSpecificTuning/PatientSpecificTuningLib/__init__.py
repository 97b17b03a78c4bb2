"""Patient-specific fine-tuning of CNNs for follow-up lesion quantification (Jansen et al., 2020)."""
