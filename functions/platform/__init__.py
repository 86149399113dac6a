"""The platform function."""
