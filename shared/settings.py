"""The settings that the functions share. Nothing else reads the environment."""

import re
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, ValidationError, ValidationInfo
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from shared.claims.names import URL_PATTERN
from shared.errors import PermanentError
from shared.secret import TOKEN, Secret


def _base_url(value: str) -> str:
    try:
        good = re.fullmatch(URL_PATTERN, value) and urlsplit(value).port != 0
    except ValueError:  # a port that is no number; the message would quote it
        good = False
    if not good:
        raise ValueError("must be an http:// or https:// URL with a host, and without user, password and query")
    return value.rstrip("/")


def _token(value: SecretStr) -> SecretStr:
    token = value.get_secret_value().strip()  # files and Secrets end with a newline more often than not
    if not TOKEN.fullmatch(token):
        raise ValueError("must be a token: printable ASCII without blanks")
    return SecretStr(token)


def instead_of(name: str, *, required: bool = False) -> AfterValidator:
    """Checks the field of a file against the field `name` before it: never both, and one of them where `required`."""
    plain = f"INFRAFORGE_{name.upper()}"

    def check(file: Path | None, info: ValidationInfo) -> Path | None:
        if name not in info.data:  # it is wrong by itself, which is said already
            return file
        given = (file is not None) + (info.data[name] is not None)
        if given > 1:
            raise ValueError(f"both it and {plain} are set: give exactly one of the two")
        if required and not given:
            raise ValueError(f"neither it nor {plain} is set: give exactly one of the two")
        return file

    return AfterValidator(check)


_ROOT = Path(__file__).resolve().parents[1]

BaseUrl = Annotated[str, AfterValidator(_base_url)]
Token = Annotated[SecretStr, AfterValidator(_token)]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]


def same_as_url(settings: dict[str, Any]) -> str:
    """Where Gitea is reached when nothing else is said."""
    return str(settings["gitea_url"])


class Environment(BaseSettings):
    """What is read from `INFRAFORGE_*`: a variable that is empty is one that is not set. Collections are JSON."""

    model_config = SettingsConfigDict(env_prefix="INFRAFORGE_", env_ignore_empty=True, frozen=True, extra="ignore")

    @classmethod
    def from_environment(cls) -> Self:
        """The settings of this process; a wrong one is named together with its mend, without its value."""
        try:
            return cls()
        except ValidationError as error:
            lines = [
                f"INFRAFORGE_{str(one['loc'][0]).upper()}: {one['msg'].removeprefix('Value error, ')}"
                for one in error.errors(include_input=False, include_url=False)
                if one["type"] != "default_factory_not_called"  # follows from another one
            ]
        except SettingsError as error:
            field = re.search(r'field "(\w+)"', str(error))
            name = field[1].upper() if field else "*"
            lines = [f'INFRAFORGE_{name}: must be JSON, such as ["a", "b"] for a list or {{"a": "b"}} for a map']
        raise PermanentError("; ".join(lines), reason="InvalidSettings")


class Serving(Environment):
    """What every function is given, whatever it does."""

    function: ClassVar[str] = "function"
    """Whose settings they are; traces name it."""

    gitea_ca_file: Path | None = Field(
        None, description="Certificates (PEM) that an https Gitea is checked against; default: the public authorities'."
    )
    kubeconfig: Path | None = Field(None, description="A kubeconfig file; default: the pod's service account.")
    system_namespace: str = Field(
        "platform-system", description="Where InfraForge itself is, and BootstrapClaims live."
    )
    body_limit: int = Field(2 * 1024 * 1024, gt=0, description="The largest request body, in bytes.")
    max_waiting: int = Field(
        100, gt=0, description="Events worked on or waiting at once; one more is answered 503. Below THREADS."
    )
    traces_endpoint: BaseUrl | None = Field(
        None, description="An OTLP collector (HTTP) that spans are sent to; without it there are none."
    )
    timeout: Seconds = Field(20.0, description="Seconds that one request to a dependency may take.")

    sender_audience: str | None = Field(
        None, description="The audience of the tokens that senders of events carry; without it nobody is asked for one."
    )
    sender_subjects: tuple[str, ...] = Field(
        (),
        description="Who may send events then, as shell patterns; empty: the service accounts infraforge-* of the "
        "system namespace, as which its Triggers send.",
    )
    sender_issuer: str | None = Field(
        None, description="Who issues those tokens; default: what the Kubernetes API says of itself."
    )


class Settings(Serving):
    """What the functions of claims are given: read once, in a function's `main.py`, and passed down.

    `gitea_url` is the address that claims say and Git holds; `gitea_endpoint` is where this process connects.
    """

    gitea_url: BaseUrl = Field("http://gitea-http.gitea.svc:3000", description="Gitea as claims and Git name it.")
    gitea_endpoint: BaseUrl = Field(
        default_factory=same_as_url, description="Where this process reaches that Gitea; default: gitea_url."
    )
    gitea_token: Token | None = Field(
        None, description="Token with write:organization, write:repository and read:user."
    )
    gitea_token_file: Annotated[Path | None, instead_of("gitea_token", required=True)] = Field(
        None, validate_default=True, description="Instead of gitea_token: a file with it, read whenever it is used."
    )
    cache_dir: Path = Field(Path("/var/cache/infraforge"), description="Where the bare Git caches live.")
    charts_dir: Path = Field(_ROOT / "charts", description="The embedded application charts, one folder each.")
    platform_charts_dir: Path = Field(_ROOT / "platform-charts", description="The embedded platform charts.")
    cluster_types: frozenset[str] = Field(frozenset(), description="The types this installation serves; empty: all.")
    environment_namespaces: dict[str, frozenset[str]] = Field(
        default_factory=dict, description="Which namespaces may claim an environment; one not listed: any namespace."
    )
    argocd_namespace: str = Field("argocd", description="Where ArgoCD looks for its objects.")
    author_name: str = Field("InfraForge", description="The author of commits.")
    author_email: str = Field("infraforge@localhost.localdomain", description="The author's address.")
    removal_limit: int = Field(
        10, ge=0, description="Applications that one change may remove without a person's confirmation."
    )
    removal_share: float = Field(
        0.5, ge=0, le=1, description="Share of an environment's applications that one change may remove so."
    )

    @property
    def gitea_secret(self) -> Secret:
        """The token for Gitea."""
        return Secret("INFRAFORGE_GITEA_TOKEN", self.gitea_token, self.gitea_token_file)

    def serves(self, cluster_type: str) -> bool:
        """Whether this installation writes and deploys that cluster type."""
        return not self.cluster_types or cluster_type in self.cluster_types
