"""The kinds of claims as the functions handle them: model, address in the API, conditions, and steps in their order."""

from typing import Final

from shared.attempt import Kind
from shared.claims import API_VERSION, ApplicationClaim, BootstrapClaim, InfrastructureClaim, PlatformClaim
from shared.conditions import COMMITTED, DEPLOYED, IMAGES_RESOLVED, VALID
from shared.git import Writer
from shared.kube.client import Resource
from shared.steps import (
    ADMIT,
    CREATE,
    DEPLOY,
    HOLD,
    PROVIDE,
    PUBLISH,
    READ,
    RECORD,
    REGISTER,
    RELEASE,
    RESOLVE,
    TELL,
    WITHDRAW,
)

_END: Final = (RECORD, TELL)

BOOTSTRAP: Final = Kind(
    BootstrapClaim,
    Resource(API_VERSION, "bootstrapclaims"),
    conditions=(VALID, COMMITTED, DEPLOYED),
    steps_of_work=(READ, ADMIT, HOLD, CREATE, PUBLISH, *Writer.STEPS, DEPLOY, REGISTER, *_END),
    steps_of_removal=(READ, ADMIT, *Writer.STEPS, RELEASE),
)
INFRASTRUCTURE: Final = Kind(
    InfrastructureClaim,
    Resource(API_VERSION, "infrastructureclaims"),
    conditions=(VALID, COMMITTED, DEPLOYED),
    steps_of_work=(READ, ADMIT, HOLD, *Writer.STEPS, DEPLOY, *_END),
    steps_of_removal=(READ, ADMIT, *Writer.STEPS, WITHDRAW, RELEASE),
)
APPLICATION: Final = Kind(
    ApplicationClaim,
    Resource(API_VERSION, "applicationclaims"),
    conditions=(VALID, IMAGES_RESOLVED, COMMITTED, DEPLOYED),
    steps_of_work=(READ, ADMIT, HOLD, RESOLVE, PROVIDE, *Writer.STEPS, DEPLOY, *_END),
    steps_of_removal=(READ, ADMIT, *Writer.STEPS, WITHDRAW, RELEASE),
)
PLATFORM: Final = Kind(
    PlatformClaim,
    Resource(API_VERSION, "platformclaims"),
    conditions=(VALID, COMMITTED, DEPLOYED),
    steps_of_work=(READ, ADMIT, HOLD, PROVIDE, *Writer.STEPS, DEPLOY, *_END),
    steps_of_removal=(READ, ADMIT, *Writer.STEPS, WITHDRAW, RELEASE),
)
