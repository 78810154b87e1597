"""What breaks and what is broken: faults, the programs that have them, and their experiments."""
