"""Fetching at once what is going to be looked at."""

import pytest

from .backend import Backend
from .conftest import NAME, Opener
from .seed import seed

APPS = "environments/nonprod/env000/applications"


def test_looking_ahead_costs_a_request_a_level(backend: Backend, opened: Opener) -> None:
    """Whatever the number of paths, there or not; what is looked at then costs none."""
    seed(backend.path(NAME), 1000)
    folders = [f"environments/nonprod/env{n:03d}/applications" for n in range(10)]
    services = [f"environments/nonprod/env{n:03d}/platform/postgres" for n in range(10)]
    with opened().transaction() as transaction:
        backend.exchanges.clear()
        transaction.look_ahead(
            ["", *folders, *services, "not/there", f"{APPS}/app-00001/values.yaml/below", "root-apps"]
        )
        assert sum(exchange.service == "upload" for exchange in backend.exchanges) == 2
        backend.exchanges.clear()
        assert [len(transaction.names(folder)) for folder in folders] == [100] * 10
        assert [transaction.names(folder) for folder in services] == [("values.yaml",)] * 10
        assert transaction.changed({f"{services[0]}/values.yaml": b"1"}) == {f"{services[0]}/values.yaml"}
        transaction.look_ahead(folders)
        transaction.look_ahead([])
        assert backend.exchanges == []
        with pytest.raises(ValueError, match="empty segment"):
            transaction.look_ahead(["a//b"])


def test_looking_ahead_in_an_empty_repository(opened: Opener) -> None:
    with opened().transaction() as transaction:
        transaction.look_ahead([APPS])
        assert transaction.names(APPS) == ()
