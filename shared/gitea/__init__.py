"""Gitea's REST API, as far as the functions need it."""

from shared.gitea.client import Gitea, Hook

__all__ = ["Gitea", "Hook"]
