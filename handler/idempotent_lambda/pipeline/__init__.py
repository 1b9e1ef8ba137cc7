"""The pipeline of a batch: keys, groups, claims, runs, settlements, response."""
