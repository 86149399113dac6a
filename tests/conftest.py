"""Figures that tests measured, at the end of what pytest prints: a test says `record_property("figure", text)`."""

from typing import Any


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print them, whichever process they are from."""
    for report in terminalreporter.getreports("passed"):
        for name, text in report.user_properties:
            if name == "figure" and report.when == "call":
                terminalreporter.write_line(str(text))
