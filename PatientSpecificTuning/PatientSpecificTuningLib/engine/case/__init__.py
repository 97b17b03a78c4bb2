"""One patient's work on disk: inputs, labels, versions, safe against crashes."""
