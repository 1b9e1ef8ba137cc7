"""Not deployed."""
