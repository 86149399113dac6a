"""A stand-in for ArgoCD 3.6: sets become Applications, Applications become objects, as the recordings show.

What it covers: git (directories and files), list, merge and matrix generators with Go templates and `templatePatch`;
Helm charts in Git and in OCI registries, plain manifests; automated sync with prune, self-heal and retries;
AppProjects; health of the usual kinds. What it does not cover it refuses by name in a condition (other generators,
Kustomize, plugins, other clusters) or leaves out (hooks, waiting between waves).
"""
