"""The three stateless functions; none imports another."""
