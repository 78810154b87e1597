"""Log lines on their way from a host to Loki."""
