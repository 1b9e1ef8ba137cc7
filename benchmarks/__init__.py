"""Compares time, calls, units and cost of this package with alternatives: ``make bench``.

`cases` defines the cases, `contenders` the packages that are compared, and `engine` a stub of
DynamoDB. `measurement` runs the cases, `headline` judges the figures, and `page` and `plots` write
them into docs/performance.md.
"""
