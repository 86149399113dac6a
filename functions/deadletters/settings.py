"""The deadletters function's settings."""

from pathlib import Path
from typing import ClassVar

from pydantic import Field

from shared.secret import Secret, Source
from shared.settings import BaseUrl, Serving


class DeadLettersSettings(Serving):
    """What the deadletters function needs. It asks no Gitea, so it is given no token."""

    function: ClassVar[str] = "deadletters"

    broker_url: BaseUrl | None = Field(
        None, description="The Broker that replayed events are sent to; without it none can be replayed."
    )
    broker_token_file: Path | None = Field(
        None, description="A file with a token for the Broker's audience, where Knative's OIDC is on."
    )
    letters_kept: int = Field(1000, gt=0, le=10_000, description="DeadLetters kept at most; the oldest go.")

    @property
    def broker_token(self) -> Source | None:
        """The token for the Broker; None where it asks for none."""
        if self.broker_token_file is None:
            return None
        return Secret("INFRAFORGE_BROKER_TOKEN", file=self.broker_token_file)
