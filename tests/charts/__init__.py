"""The embedded charts, under real Helm."""
