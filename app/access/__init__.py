"""Who may do what: users, API keys, and how a request proves whose it is."""
