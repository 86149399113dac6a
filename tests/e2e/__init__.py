"""Tests of the whole: real processes, real sockets, real Git.

They run against the sandbox, or against real parts in its place: `INFRAFORGE_E2E_UP` holds further arguments for
`infraforge up`, such as `--kubeconfig FILE` or `--gitea-url URL --gitea-token-file FILE`.
"""
