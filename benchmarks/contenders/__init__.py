"""Who takes part: each module imports one contender whole and makes it ready.

Every ``make(table)`` returns a function from an SQS event to a partial batch response.
"""
