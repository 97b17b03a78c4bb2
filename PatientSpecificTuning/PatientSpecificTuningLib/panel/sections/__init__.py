"""The steps of the panel: each draws the state and sends commands."""
