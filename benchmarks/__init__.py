"""Measurements that a claim of speed is held against; each module is a command."""
