"""`python -m sandbox.gitea`: run the stand-in until SIGTERM."""

import argparse
import logging
import re
import secrets
import sys
from collections.abc import Sequence
from pathlib import Path

_UNITS = {"ms": 0.001, "s": 1.0, "": 1.0}


def duration(text: str) -> float:
    """Seconds from `500ms`, `1.5s` or `2`."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s|)", text)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no duration; write 500ms or 1.5s")
    return float(match[1]) * _UNITS[match[2]]


def parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser("python -m sandbox.gitea", description="A stand-in for Gitea.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=3000)
    parser.add_argument("--data-dir", type=Path, required=True, help="database and bare repositories")
    parser.add_argument("--root-url", help="the address that answers name (default: http://HOST:PORT)")
    parser.add_argument("--admin-user", default="gitea_admin", help="site administrator, made if absent")
    parser.add_argument("--admin-password-file", type=Path, help="default: DATA/admin.password; made if absent")
    parser.add_argument("--push-delay", type=duration, default=0.0, help="what a real Gitea needs for a push: 500ms")
    parser.add_argument(
        "--webhook-delay", type=duration, default=0.1, help="from an event to its delivery (real: 1-4s)"
    )
    parser.add_argument("--webhook-hosts", default="loopback", help="as ALLOWED_HOST_LIST; default: loopback")
    return parser


def password_in(path: Path) -> str:
    """The first line of the file, which is made with a new password, readable by its owner only, if it is not there."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(f"{secrets.token_urlsafe(18)}\n")
    return path.read_text().splitlines()[0].strip()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until SIGTERM or SIGINT."""
    options = parser().parse_args(arguments)
    import uvicorn  # noqa: PLC0415  # after the command line, so that --help and its errors are instant

    from sandbox.gitea.app import create_app  # noqa: PLC0415  # brings Starlette, which --help does without

    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)  # its lines would hold receivers' addresses with their queries
    options.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    password = password_in(options.admin_password_file or options.data_dir / "admin.password")
    app = create_app(
        options.data_dir,
        options.root_url or f"http://{options.host}:{options.port}",
        administrator=(options.admin_user, password),
        push_delay=options.push_delay,
        webhook_delay=options.webhook_delay,
        webhook_hosts=options.webhook_hosts,
    )
    config = uvicorn.Config(
        app,
        host=options.host,
        port=options.port,
        access_log=False,
        server_header=False,
        log_level="warning",
        timeout_graceful_shutdown=1,
        timeout_keep_alive=60,
        backlog=1024,
    )
    uvicorn.Server(config).run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
