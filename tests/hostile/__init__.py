"""What strangers send: requests, claims, deliveries, documents; and where a secret must never show."""
