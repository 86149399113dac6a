"""The render gate."""
