"""A stand-in for Knative's ApiServerSource (Resource mode) and PingSource.

Run `python -m sandbox.source --help`. It loses what Knative's loses: objects that exist when it starts, changes while
it is down or lists anew after a 410, and events that the sink refuses for longer than its five retries.
"""
