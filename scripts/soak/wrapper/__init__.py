"""What the soak deploys; each file is a top-level module there."""
