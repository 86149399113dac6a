"""Tests of shared.oci."""
