"""Units of systemd: the programs of a host."""
