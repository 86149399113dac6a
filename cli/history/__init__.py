"""What the commits of `voltran` say about claims: `infraforge history`, and what rollback and restore go by."""
