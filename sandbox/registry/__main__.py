"""`python -m sandbox.registry`: serve until SIGTERM."""

import argparse
import logging
import signal
import sys
from pathlib import Path

import uvicorn

from sandbox.registry.app import create_app
from sandbox.registry.images import load
from sandbox.registry.tokens import LIFETIME, Credentials, Tokens

EXAMPLES = Path(__file__).with_name("images.yaml")


def main() -> None:
    """Parse the command line and serve."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.registry", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--data-dir", type=Path, help="accepted like every stand-in's; the registry keeps nothing")
    parser.add_argument("--images", type=Path, default=EXAMPLES, help="default: the images of deployments/")
    parser.add_argument(
        "--auth", choices=["none", "token"], default="none", help="token: a bearer token for every pull"
    )
    parser.add_argument("--user", default="infraforge", help="who may pull private images")
    parser.add_argument("--password-file", type=Path, help="that user's password; without it no one may")
    parser.add_argument("--token-lifetime", type=int, default=LIFETIME, metavar="SECONDS")
    arguments = parser.parse_args()
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s %(message)s", level=logging.INFO)
    try:
        repositories = load(arguments.images)
        password = arguments.password_file.read_text("utf-8").strip() if arguments.password_file else None
    except (OSError, ValueError) as error:
        sys.exit(f"--images or --password-file: {error}")
    app = create_app(
        repositories,
        credentials=Credentials(arguments.user, password),
        tokens=Tokens(arguments.token_lifetime) if arguments.auth == "token" else None,
    )
    # When it has stopped, uvicorn raises the signal again for whoever handled it before: that is a clean end.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    uvicorn.run(
        app,
        host=arguments.host,
        port=arguments.port,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=1,
    )


if __name__ == "__main__":
    main()
