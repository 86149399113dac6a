"""Tests of the stand-in `sandbox.broker`."""
