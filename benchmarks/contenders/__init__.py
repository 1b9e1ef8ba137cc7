"""The contenders: each module imports one completely and sets it up.

Every ``make(table)`` returns a function from an SQS event to a partial batch response.
"""
