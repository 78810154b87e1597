"""Pages for people: made on the server, usable without a script."""
