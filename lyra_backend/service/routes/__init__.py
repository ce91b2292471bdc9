"""Routes: they read requests, ask the service, and write answers."""
