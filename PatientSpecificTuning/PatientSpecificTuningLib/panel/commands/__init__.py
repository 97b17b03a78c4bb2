"""What the user can do: commands change parameters, nodes or the case, never widgets."""
