"""The application function."""
