"""Load: personas, shapes and thresholds. Nothing of ours is imported; the service is a client's."""
