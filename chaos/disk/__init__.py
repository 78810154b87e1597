"""Disks of hosts: a small one over a directory, which can be filled, and nothing else with it."""
