"""Waking the functions for what changed while the sandbox was down.

A source tells of no change that it did not see, and its first ping comes an interval after its start. So whoever opens
an existing sandbox would wait that long for a claim that was under way when it was stopped.
"""

import json
import uuid
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit

from sandbox.supervisor.knative import PING


def wake(broker: str) -> None:
    """Send one ping to the broker, as its PingSource will do later; no answer is no problem then."""
    connection = HTTPConnection(urlsplit(broker).netloc, timeout=5)
    headers = {
        "Content-Type": "application/json",
        "ce-specversion": "1.0",
        "ce-id": str(uuid.uuid4()),
        "ce-type": PING,
        "ce-source": "/infraforge/sandbox/up",
    }
    try:
        connection.request("POST", "/", json.dumps({}), headers)
        connection.getresponse().read()
    except (OSError, HTTPException):
        return
    finally:
        connection.close()
