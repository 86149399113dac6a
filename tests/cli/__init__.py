"""Tests of the `infraforge` command."""
