"""Placeholder until the packer's branch is merged."""
