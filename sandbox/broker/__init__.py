"""A stand-in for Knative's Broker with its in-memory channel: ingress, triggers, retries, replies, dead letters.

Run `python -m sandbox.broker --help`. Held to what Knative's own data plane did (tests/recordings/knative).
"""
