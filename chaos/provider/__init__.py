"""Providers of language models: the simulator's faults, over the API on its own host."""
