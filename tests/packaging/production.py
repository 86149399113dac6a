"""What the images install, as uv exports it from the lock, and a Python environment that holds nothing else."""

import functools
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.packaging.dockerfile import EVERYWHERE, IMAGES, ROOT

_EXPORT = ("export", "--quiet", "--frozen", "--no-dev", "--extra", "render", "--extra", "traces", "--no-emit-project")


@functools.cache
def uv() -> str:
    """The uv command: on PATH, or the one that the Makefile puts into .uv."""
    return shutil.which("uv") or str(ROOT / ".uv" / "bin" / "uv")


@functools.cache
def requirements() -> str:
    """The locked production dependencies with their hashes, as pip reads them."""
    return _run(uv(), *_EXPORT)


def versions() -> dict[str, str]:
    """Name → version of every production dependency, for any platform."""
    return dict(re.findall(r"^([\w.-]+)==([^\s;]+)", requirements(), re.MULTILINE))


def environment(folder: Path) -> Path:
    """A new environment below `folder` with the production dependencies and nothing else; its bin folder."""
    listed = folder / "requirements.txt"
    listed.write_text(requirements())
    _run(uv(), "venv", "--quiet", "--python", sys.executable, str(folder / "venv"))
    python = folder / "venv" / "bin" / "python"
    _run(uv(), "pip", "sync", "--quiet", "--require-hashes", "--python", str(python), str(listed))
    return python.parent


def tree(folder: Path, target: str) -> Path:
    """The folder /app of the image `target`, made of links to the repository."""
    app = folder / target
    (app / "functions").mkdir(parents=True)
    for name in EVERYWHERE:
        (app / name).symlink_to(ROOT / name)
    for function in IMAGES[target]:
        (app / "functions" / function).symlink_to(ROOT / "functions" / function)
    return app


def _run(*command: str) -> str:
    run = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert run.returncode == 0, f"{' '.join(command[:3])}: {run.stderr[-500:]}"
    return run.stdout
