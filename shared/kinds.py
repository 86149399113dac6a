"""The kinds of claims as the functions handle them: model, address in the API, and the steps a status speaks of."""

from typing import Final

from shared.claims import API_VERSION, ApplicationClaim, BootstrapClaim, PlatformClaim
from shared.conditions import COMMITTED, DEPLOYED, IMAGES_RESOLVED, VALID
from shared.kube.client import Resource
from shared.reconciler import Kind

BOOTSTRAP: Final = Kind(BootstrapClaim, Resource(API_VERSION, "bootstrapclaims"), (VALID, COMMITTED, DEPLOYED))
APPLICATION: Final = Kind(
    ApplicationClaim, Resource(API_VERSION, "applicationclaims"), (VALID, IMAGES_RESOLVED, COMMITTED, DEPLOYED)
)
PLATFORM: Final = Kind(PlatformClaim, Resource(API_VERSION, "platformclaims"), (VALID, COMMITTED, DEPLOYED))
