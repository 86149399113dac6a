"""Tests of the stand-in `sandbox.registry`."""
