"""Who asks, and what they may do: tokens of service accounts, RBAC, access reviews and the audit log."""
