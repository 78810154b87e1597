"""The hosts of a stack, as a Pulumi program."""
