"""The operator's Python: the command line `./dash` and what it runs on this machine."""
