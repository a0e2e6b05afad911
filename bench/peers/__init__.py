"""Peers: the same participants, served as others would build it. They share nothing with the service."""
