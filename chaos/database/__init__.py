"""PostgreSQL: its sessions, its locks, what it lets anybody write."""
