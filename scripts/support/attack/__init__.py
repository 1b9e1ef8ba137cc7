"""Files deployed with an attacked function; each Python file is a top-level module there."""
