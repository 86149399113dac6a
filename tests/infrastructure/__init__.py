"""Tests of the Terraform under infrastructure/aws."""
