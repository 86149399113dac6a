"""Ports go to one sandbox at a time."""

import os
import socket
import subprocess
import sys
from contextlib import closing

from sandbox.supervisor.ports import HOST, RANGE, reserve, reserve_any


def test_a_reserved_port_is_reserved_once() -> None:
    """Two sandboxes that choose at the same moment choose differently, before either listens."""
    port, held = reserve_any()
    try:
        assert port in RANGE
        assert reserve(port) is None
    finally:
        os.close(held)


def test_a_released_port_can_be_reserved_again() -> None:
    port, held = reserve_any()
    os.close(held)
    again = reserve(port)
    assert again is not None
    os.close(again)


def test_a_port_that_somebody_listens_on_is_taken() -> None:
    """Not only other sandboxes use ports."""
    port, held = reserve_any()
    with closing(socket.create_server((HOST, port))):
        os.close(held)
        assert reserve(port) is None


def test_a_process_keeps_its_port_until_it_ends() -> None:
    """The lock lives in the process that listens, so that it outlives the command that chose the port."""
    port, held = reserve_any()
    script = "import sys; sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, pass_fds=[held]) as child:
        os.close(held)
        assert reserve(port) is None
        child.kill()
        child.wait()
    again = reserve(port)
    assert again is not None
    os.close(again)
