"""The chart that installs InfraForge."""
