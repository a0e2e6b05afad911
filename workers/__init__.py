"""The worker processes: Celery carries hints to them, the database holds the work."""
