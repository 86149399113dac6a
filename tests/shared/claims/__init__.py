"""Tests of the claims' models and CRDs."""
