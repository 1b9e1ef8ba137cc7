"""The test kit and the operator's command, for developers and operators of consumers.

This package is never deployed.
"""
