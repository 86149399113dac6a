"""A Kubernetes API server small enough for a laptop: what the platform's claims need, as the real one answers it."""
