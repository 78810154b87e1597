"""The verbs of `./dash`, a module for each kind. Heavy imports stand inside the functions."""
