"""When the faults stop, Git equals the pure function of the live claims, and every status is true."""

from hypothesis import HealthCheck, Phase, settings

from tests.stateful.machine import Convergence

LONG = "stateful-long"
SHORT = settings(
    max_examples=60,
    stateful_step_count=25,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.generate, Phase.shrink),
)

TestConvergence = Convergence.TestCase
TestConvergence.settings = (settings.get_current_profile_name() == LONG and settings.default) or SHORT
