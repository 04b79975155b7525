"""Servers that want to hurt their clients: what a model makes of them, and that a role goes on without them."""
