"""OCI registries: image references, who may be asked, the digest that a tag stands for, and charts."""

from shared.oci.charts import ChartMissing, ChartRegistries
from shared.oci.credentials import Credentials, CredentialsFile, InvalidCredentials, Login
from shared.oci.hosts import Authority, HostNotAllowed, HostPolicy
from shared.oci.outcomes import NotAllowed, Private, Resolution, Resolved, TagMissing, Unavailable
from shared.oci.reference import Reference, parse
from shared.oci.resolver import Resolver

__all__ = [
    "Authority",
    "ChartMissing",
    "ChartRegistries",
    "Credentials",
    "CredentialsFile",
    "HostNotAllowed",
    "HostPolicy",
    "InvalidCredentials",
    "Login",
    "NotAllowed",
    "Private",
    "Reference",
    "Resolution",
    "Resolved",
    "Resolver",
    "TagMissing",
    "Unavailable",
    "parse",
]
