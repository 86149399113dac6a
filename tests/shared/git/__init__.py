"""Tests of shared.git."""
