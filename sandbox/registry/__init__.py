"""A stand-in for a container registry: the read half of the OCI distribution API, seeded from a file.

Run `python -m sandbox.registry --help`. Content is made from `repository:tag`, so a digest is the same everywhere.
"""
