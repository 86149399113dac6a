"""Tests of what starts and watches a sandbox's processes."""
