"""The report of a run: one page with pictures inlined and no script."""
