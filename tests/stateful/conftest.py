"""`--hypothesis-profile=stateful-long`: as many runs as there is time for, each of many steps."""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "stateful-long",
    max_examples=2_000,
    stateful_step_count=50,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
