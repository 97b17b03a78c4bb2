"""How good a result is: metrics, tables and pictures against a reference."""
