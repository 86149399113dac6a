"""Tests of the stand-in `sandbox.source`."""
