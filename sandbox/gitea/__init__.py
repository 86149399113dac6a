"""A stand-in for Gitea: real bare repositories over smart HTTP, its REST calls that we use, and its webhooks.

Held to what a real Gitea 1.26 answered (`tests/recordings/gitea`). What it does not cover answers 501 and names itself.
"""
