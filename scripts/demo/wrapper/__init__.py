"""What is deployed around orders.py; each file is a top-level module there."""
