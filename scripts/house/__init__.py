"""Rules for names, types and sizes that no linter has: ``make lint``.

    python -m scripts.house

Each rule is a function that takes the files of the repository and returns findings. `rules.RULES`
lists the rules with their limits. To add a rule, write such a function, add its line there, and
give tests/test_house.py a snippet that the rule finds and one that it accepts.
"""
