"""The kind DeadLetter: an event that the Broker gave up, kept until somebody sends it again or deletes it.

It is no claim: no function converges it, and it is not among `shared.claims.KINDS`. It lives in the system namespace,
is written by the function `deadletters` and read by operators only, since the event in it is a claim as it stood.

It has no status subresource: one write takes the annotation that asks for a replay away and says why, or does neither.
"""

from typing import Annotated, Final, Literal

from pydantic import Field

from shared.claims.meta import ObjectMeta
from shared.claims.parts import Part, StatusModel
from shared.claims.status import Message, Time

KIND: Final = "DeadLetter"
PLURAL: Final = "deadletters"
REPLAY: Final = "platform.infraforge.io/replay"
"""The annotation that has a letter's event sent again; any value, for example the time."""

MAX_ATTRIBUTES: Final = 64
MAX_ATTRIBUTE: Final = 4096
MAX_DATA: Final = 256 * 1024
"""Characters of data as they are kept: compressed, some thousand applications. A thousand letters of that size are a
part of what etcd holds (2 GiB by default), and one fits into an event of any Broker (Kafka's take 1 MB)."""
MAX_ERROR: Final = 1024

Encoding = Literal["Text", "Base64", "GzipBase64"]
ReplayState = Literal["Failing", "Refused"]


class GivenUpEvent(StatusModel):
    """The CloudEvent, without what the Broker and its giving up added to it."""

    attributes: Annotated[
        dict[str, Annotated[str, Field(max_length=MAX_ATTRIBUTE)]], Field(max_length=MAX_ATTRIBUTES)
    ] = Field(description="Its context attributes, extensions among them, as the binary mode writes them.")
    data: Annotated[str, Field(max_length=MAX_DATA)] | None = Field(
        default=None, description="Its data; absent when there is none."
    )
    encoding: Encoding | None = Field(
        default=None, description="How data holds it: Text is UTF-8 as it came; absent without data."
    )
    reduced: bool = Field(
        default=False,
        description="The data was too large to be kept: of an object there is its identity, of anything else nothing. "
        "Functions take no more than that from an event, and read the object itself.",
    )


class DeadLetterSpec(StatusModel):
    """An event that was given up, and why."""

    event: GivenUpEvent = Field(description="What was given up.")
    object: Annotated[str, Field(max_length=640)] | None = Field(
        default=None, description="The object that the event is about, as Kind/namespace/name."
    )
    trigger: Annotated[str, Field(max_length=512)] | None = Field(
        default=None, description="The Trigger that gave up, as namespace/name, where the Broker says which."
    )
    destination: Annotated[str, Field(max_length=1024)] = Field(
        default="", description="The address that did not take the event."
    )
    code: Annotated[str, Field(max_length=16)] = Field(
        default="", description="The HTTP status of the last try, as the Broker tells it."
    )
    error: Annotated[str, Field(max_length=MAX_ERROR)] = Field(
        default="", description="What was answered at the last try, shortened."
    )
    givenUp: Time = Field(description="When it was given up, the last time.")


class DeadLetterStatus(StatusModel):
    """What became of a replay; absent while none failed. After one that went well there is no DeadLetter any more."""

    replay: ReplayState | None = Field(
        default=None,
        description="Failing: it is tried again. Refused: nobody tries again, and the annotation was taken off.",
    )
    message: Message = Field(default="", description="Why, for people.")
    time: Time | None = Field(default=None, description="When that was seen.")


class DeadLetter(Part):
    """An event that was given up after all its retries, kept until it is replayed or deleted. For operators only."""

    apiVersion: Literal["platform.infraforge.io/v1alpha1"]
    kind: Literal["DeadLetter"]
    metadata: ObjectMeta
    spec: DeadLetterSpec
    status: DeadLetterStatus = Field(
        default_factory=DeadLetterStatus, description="What became of a replay. Only the function writes it."
    )
