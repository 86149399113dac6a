"""Credentials in Helm values, found before they are committed (detect-secrets, and what keys say)."""

from shared.leaks.leaves import find, without

__all__ = ["find", "without"]
