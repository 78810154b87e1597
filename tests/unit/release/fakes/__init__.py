"""Stand-ins for what changes hosts; the playbooks and the controller's plugins are real."""
