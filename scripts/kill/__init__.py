"""The kill campaign: ``make kill``."""
