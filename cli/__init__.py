"""The `infraforge` command."""
