"""One page about a result: what changed, how sure that is, and how it was made."""
