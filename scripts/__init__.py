"""What developers run from the repository; nothing here is deployed."""
