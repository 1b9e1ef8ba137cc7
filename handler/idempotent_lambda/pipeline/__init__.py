"""A batch on its way: keys, groups, claims, runs, settlements, response."""
