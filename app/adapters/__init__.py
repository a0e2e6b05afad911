"""The world outside, behind ports: the database, the broker, partners' endpoints, the clock, sealing."""
