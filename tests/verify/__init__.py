"""``make verify-aws``: settles on a real account what no test on this machine can show."""
