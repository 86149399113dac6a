"""The Kubernetes API, as far as the functions need it."""

from shared.kube.client import Kube, Resource
from shared.kube.connection import connect

__all__ = ["Kube", "Resource", "connect"]
