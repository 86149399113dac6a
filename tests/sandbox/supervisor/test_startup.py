"""The order in which components come up."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from sandbox.supervisor.components import Component, Launch
from sandbox.supervisor.errors import StartFailed
from sandbox.supervisor.startup import Startup, Step


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response({"/ready": 200, "/private": 401, "/broken": 500}.get(self.path, 503))
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """Something that is ready at /ready, wants a token at /private, and is not ready anywhere else."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as http:
        thread = Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{http.server_address[1]}"
        http.shutdown()
        thread.join()


@dataclass
class Stage:
    """Records what a startup does instead of starting processes."""

    happened: list[str] = field(default_factory=list)
    dead: set[str] = field(default_factory=set)

    def run(self, *components: Component, steps: tuple[Step, ...] = (), running: set[str] | None = None) -> list[str]:
        Startup(
            components,
            steps,
            running or set(),
            launch=lambda component: None,
            alive=lambda name: name not in self.dead,
            last_words=lambda name, _lines: f"{name} said goodbye",
            report=lambda name, event: self.happened.append(f"{name} {event}"),
            timeout=0.05,
        ).run()
        return self.happened

    def step(self, name: str, *needs: str) -> Step:
        return Step(name, lambda: self.happened.append(name), frozenset(needs))


def component(name: str, ready: str, *needs: str, unauthorized: bool = False) -> Component:
    return Component(name, lambda: Launch(()), ready, frozenset(needs), unauthorized=unauthorized)


def test_each_waits_for_what_it_needs_and_for_nothing_else(server: str) -> None:
    stage = Stage()
    happened = stage.run(
        component("function", f"{server}/ready", "tokens"),
        component("gitea", f"{server}/ready"),
        component("broker", f"{server}/ready"),
        steps=(stage.step("tokens", "gitea"),),
    )
    assert happened.index("gitea ready") < happened.index("tokens") < happened.index("function starting")
    assert happened.index("broker starting") < happened.index("function starting")
    assert happened[-1] == "function ready"


def test_what_runs_already_is_not_started_again(server: str) -> None:
    happened = Stage().run(component("gitea", f"{server}/ready"), running={"gitea"})
    assert happened == ["gitea ready"]


def test_a_401_is_ready_only_where_it_means_that(server: str) -> None:
    happened = Stage().run(component("registry", f"{server}/private", unauthorized=True))
    assert happened[-1] == "registry ready"
    with pytest.raises(StartFailed, match="gitea does not serve after 0 s"):
        Stage().run(component("gitea", f"{server}/private"))


def test_a_component_that_ends_is_named_with_its_last_words(server: str) -> None:
    with pytest.raises(StartFailed, match="gitea ended while it was starting; its log ends:\ngitea said goodbye"):
        Stage(dead={"gitea"}).run(component("gitea", f"{server}/starting"))


def test_a_dead_component_is_not_ready_even_if_somebody_answers_on_its_port(server: str) -> None:
    """Another program may have taken the port."""
    with pytest.raises(StartFailed, match="gitea ended"):
        Stage(dead={"gitea"}).run(component("gitea", f"{server}/ready"))


def test_a_fault_is_not_waited_for(server: str) -> None:
    """Wrong settings stay wrong; 45 s of patience would only hide them."""
    with pytest.raises(StartFailed, match=r"application answers .*/broken with 500; its log ends"):
        Stage().run(component("application", f"{server}/broken"))


def test_a_component_that_never_answers_is_given_up(server: str) -> None:
    with pytest.raises(StartFailed, match="broker does not serve"):
        Stage().run(component("broker", "http://127.0.0.1:9/ready"), component("gitea", f"{server}/ready"))
