"""For people who build and run consumers: the test kit and the operator's command.

Never deployed.
"""
