"""Real PostgreSQL, Redis and RabbitMQ processes of the tests' own.

Each has free ports, its own data folder and its own account where it needs one, and is ended by the ids of the
processes that we started. A server that was there before is never asked, used or stopped.
"""
