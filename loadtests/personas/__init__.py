"""Who uses the service: one class and one module each."""
