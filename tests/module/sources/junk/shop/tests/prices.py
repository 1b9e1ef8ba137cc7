"""Prices of laboratory tests."""
