"""The process boundary: requests, the worker that serves them, and the client that the panel holds."""
