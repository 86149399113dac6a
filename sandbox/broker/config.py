"""What the broker is told in its `triggers.yaml`.

::

    namespace: platform-system      # of the broker, as Kn-Namespace shows it
    name: default                   # POST /platform-system/default is the ingress too, as in a cluster
    delivery: {…}                   # for triggers that have none of their own
    triggers:
      - name: application-claims
        filter: {attributes: {kind: ApplicationClaim}}       # or filters: [{any: [{prefix: {type: io.}}]}]
        subscriber: {uri: "http://127.0.0.1:8081/"}
        delivery: {retry: 10, backoffPolicy: exponential, backoffDelay: PT0.2S, timeout: PT60S}

The names are those of Knative's Broker and Trigger (eventing.knative.dev/v1).
"""

import logging
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Final, Literal

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

from sandbox.broker.filters import Expression, Filter

log = logging.getLogger(__name__)


def _positive(duration: timedelta) -> timedelta:
    if duration <= timedelta(0):
        raise ValueError("must be longer than nothing, such as PT0.2S")
    return duration


Duration = Annotated[timedelta, AfterValidator(_positive)]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True)


class Destination(_Model):
    """Where to POST; `ref` needs a cluster and is not known here."""

    uri: str = Field(pattern=r"^https?://[^/?#]")


class Delivery(_Model):
    """How often and how long a subscriber is tried. The first try is not counted by `retry`."""

    retry: int = Field(default=0, ge=0)
    backoff_policy: Literal["exponential", "linear"] | None = None
    backoff_delay: Duration | None = None
    timeout: Duration | None = None
    dead_letter_sink: Destination | None = None

    def pause(self, tries: int) -> float:
        """Seconds to wait after the failed try number `tries` (from 0), Retry-After notwithstanding.

        Source: kncloudevents/retries.go; both the policy and the delay must be given, else there is no pause.
        """
        if self.backoff_policy is None or self.backoff_delay is None:
            return 0.0
        factor = tries if self.backoff_policy == "linear" else 2**tries
        return self.backoff_delay.total_seconds() * factor

    def limit(self) -> float:
        """Seconds that one try may take."""
        return self.timeout.total_seconds() if self.timeout else LONGEST_TRY


LONGEST_TRY: Final = 900.0
"""What the in-memory channel's fan-out waits for a subscriber when no timeout is given."""

KNATIVE_DEFAULT: Final = Delivery(retry=10, backoff_policy="exponential", backoff_delay=timedelta(seconds=0.2))
"""The delivery that a default installation writes into every Broker (config-br-defaults)."""


class Trigger(_Model):
    """Who gets which events. `delivery` replaces the broker's wholesale, as a Trigger's does."""

    name: str = Field(pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$", max_length=253)
    filter: Filter = Filter()
    filters: tuple[Expression, ...] = ()
    subscriber: Destination
    delivery: Delivery | None = None

    def wants(self, attributes: Mapping[str, str]) -> bool:
        """Whether an event with `attributes` is for this trigger; `filters` wins over `filter`."""
        if self.filters:
            return all(one.passes(attributes) for one in self.filters)
        return self.filter.passes(attributes)


class BrokerConfig(_Model):
    """The whole file."""

    namespace: str = "platform-system"
    name: str = "default"
    delivery: Delivery = KNATIVE_DEFAULT
    triggers: tuple[Trigger, ...] = ()

    @model_validator(mode="after")
    def _names_are_unique(self) -> "BrokerConfig":
        names = [trigger.name for trigger in self.triggers]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"two triggers are called {', '.join(twice)}")
        return self

    def delivery_of(self, trigger: Trigger) -> Delivery:
        """The delivery that counts for `trigger`."""
        return trigger.delivery or self.delivery


class Watched:
    """The configuration of a file that may be replaced at any time; calling it gives the one that holds now."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp = self._look()
        self._config = load(path)

    def __call__(self) -> BrokerConfig:
        """The file's content; a file that is wrong or gone changes nothing, and is logged once."""
        stamp = self._look()
        if stamp != self._stamp:
            self._stamp = stamp
            try:
                self._config = load(self._path)
            except (OSError, ValueError):
                log.exception("the new configuration is left alone")
        return self._config

    def _look(self) -> tuple[int, int] | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns


def load(path: Path) -> BrokerConfig:
    """The configuration in the YAML file `path`; raises ValueError that names the field at fault."""
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise ValueError(f"{path} is not YAML: {error}") from error
    return BrokerConfig.model_validate(document or {})
