"""Tests of the Gitea stand-in."""
