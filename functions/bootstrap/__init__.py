"""The bootstrap function."""
