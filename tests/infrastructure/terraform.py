"""Terraform for the tests: the command, a mirror with the AWS provider, and runs of it in a copy of a stack.

A registry may be out of reach where tests run, so providers come from a directory of this machine: `TF_PLUGIN_DIR`,
Terraform's own cache and implied mirrors, or a directory like them below the usual places for software.
"""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

AWS = Path(__file__).parents[2] / "infrastructure" / "aws"
"""The two stacks, `cloud` and `cluster`."""

HOSTNAME = "registry.terraform.io"
_USUAL_PLACES = ("/opt", "/usr/local/lib", "/usr/local/share", "/usr/lib", "/usr/share", "/var/lib")
SECONDS = 240


class MissingError(Exception):
    """Something that these tests need is not on this machine; the text says what."""


def command() -> Path:
    """The `terraform` command, of a version that the stacks accept. Raises MissingError."""
    found = shutil.which("terraform")
    if found is None:
        raise MissingError("terraform is not on PATH")
    version = json.loads(_output([found, "version", "-json"], {}))["terraform_version"]
    if tuple(int(part) for part in version.split("-")[0].split(".")[:2]) < (1, 11):
        raise MissingError(f"terraform 1.11 or later is needed; the one on PATH is {version}")
    return Path(found)


def locked_version(stack: str, provider: str) -> str:
    """The version of `hashicorp/<provider>` in the stack's lock file."""
    lock = (AWS / stack / ".terraform.lock.hcl").read_text()
    found = re.search(rf'provider "{re.escape(HOSTNAME)}/hashicorp/{provider}" {{\s+version\s+= "([^"]+)"', lock)
    assert found, f"{stack} locks no version of {provider}"
    return found[1]


def mirror(provider: str, version: str) -> Path:
    """A directory that Terraform takes for a mirror and that holds this provider. Raises MissingError."""
    for root in _mirrors():
        folder = root / HOSTNAME / "hashicorp" / provider
        if any(folder.glob(f"{version}/*/terraform-provider-*")) or any(folder.glob(f"*_{version}_*.zip")):
            return root
    raise MissingError(
        f"no mirror holds the provider hashicorp/{provider} {version}; "
        "make one with `terraform providers mirror DIR` and name it in TF_PLUGIN_DIR"
    )


def _mirrors() -> Iterator[Path]:
    for variable in ("TF_PLUGIN_DIR", "TF_PLUGIN_CACHE_DIR"):
        if os.environ.get(variable):
            yield Path(os.environ[variable])
    for place in (".terraform.d/plugins", ".terraform.d/plugin-cache", ".local/share/terraform/plugins"):
        yield Path.home() / place
    for place in map(Path, _USUAL_PLACES):
        for depth in ("", "*/", "*/*/"):
            yield from (found.parent for found in sorted(place.glob(depth + HOSTNAME)))


def _output(arguments: list[str], variables: Mapping[str, str]) -> str:
    run = subprocess.run(
        arguments, capture_output=True, text=True, timeout=SECONDS, check=True, env=environment(variables)
    )
    return run.stdout


def environment(additions: Mapping[str, str]) -> dict[str, str]:
    """What the command runs in: no setting of whoever runs the tests reaches it, least of all an AWS account."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR", "LANG") if name in os.environ}
    return kept | {"TF_IN_AUTOMATION": "1", "TF_INPUT": "0", "CHECKPOINT_DISABLE": "1"} | dict(additions)


@dataclass(frozen=True)
class Terraform:
    """Runs in one folder, a copy of a stack."""

    executable: Path
    folder: Path
    variables: Mapping[str, str] = field(default_factory=dict)

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """One run; its exit code is the caller's to look at."""
        return subprocess.run(
            [str(self.executable), *arguments, *(() if arguments[0] == "fmt" else ("-no-color",))],
            cwd=self.folder,
            env=environment(self.variables),
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )

    def succeed(self, *arguments: str) -> str:
        """The standard output of a run that has to succeed."""
        run = self(*arguments)
        assert run.returncode == 0, f"terraform {' '.join(arguments)}: {run.stderr[-3000:] or run.stdout[-3000:]}"
        return run.stdout


def cli_configuration(folder: Path, mirrors: Mapping[Path, Collection[str]]) -> Path:
    """A CLI configuration that takes providers from these mirrors, each with those it is for, and no others."""
    path = folder / "terraform.rc"
    blocks = (
        f"  filesystem_mirror {{\n    path = {json.dumps(str(root))}\n    include = {json.dumps(sorted(names))}\n  }}\n"
        for root, names in mirrors.items()
    )
    path.write_text(f"provider_installation {{\n{''.join(blocks)}}}\n")
    return path
