"""Time, calls, units and money of this package beside its peers: ``make bench``.

`cases` says what is varied, `contenders` who takes part, `engine` what answers them; `measurement`
runs it, `report` draws the conclusions, `page` and `plots` show them in docs/performance.md.
"""
