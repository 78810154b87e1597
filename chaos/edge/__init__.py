"""Which colour an edge sends clients to."""
