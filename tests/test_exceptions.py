"""Every exception to a rule of the house says beside it why it is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("benchmarks", "cli", "functions", "sandbox", "shared", "tests")
NO_LINT = re.compile(r"#\s*noqa(?!: [A-Z]+[0-9]+(?:, ?[A-Z]+[0-9]+)*\s*[#-]\s*\S)")
NO_TYPE = re.compile(r"#\s*type: ignore(?!\[[a-z, -]+\]\s*[#-]\s*\S)")
PAUSE = re.compile(r"^(?!\s*#)(?!.*\bdef )[^#]*\bsleep\((?!.*#)")
"""A pause without a comment in its own line; one in the line above will do."""


def unexplained(text: str) -> list[int]:
    """The numbers of the lines with an exception that says nothing of its reason."""
    lines = text.splitlines()
    return [
        number
        for number, (above, line) in enumerate(zip(["", *lines], lines, strict=False), start=1)
        if NO_LINT.search(line) or NO_TYPE.search(line) or (PAUSE.search(line) and not above.lstrip().startswith("#"))
    ]


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_exception_has_a_reason(folder: str) -> None:
    """A rule code, then `-` or `#`, then the reason; a pause has a comment."""
    files = [path for path in sorted((ROOT / folder).rglob("*.py")) if path != Path(__file__)]

    assert files
    assert [f"{path.relative_to(ROOT)}:{number}" for path in files for number in unexplained(path.read_text())] == []


@pytest.mark.parametrize(
    ("line", "is_explained"),
    [
        ("import x  # noqa: E402", False),
        ("import x  # noqa", False),
        ("import x  # noqa: E402 - slow", True),
        ("import x  # noqa: E402, PLC0415 - slow", True),
        ("import x  # type: ignore[import-untyped]", False),
        ("import x  # type: ignore", False),
        ("import x  # type: ignore[import-untyped]  # publishes no types", True),
        ("    time.sleep(1)", False),
        ("    await asyncio.sleep(1)", False),
        ("    time.sleep(1)  # the fault itself", True),
        ("    # the fault itself\n    time.sleep(1)", True),
        ("def sleep(seconds: float) -> None:", True),
    ],
)
def test_what_an_explanation_is(line: str, is_explained: bool) -> None:
    assert (unexplained(line) == []) is is_explained
