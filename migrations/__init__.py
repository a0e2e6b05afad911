"""The schema's history; run by `app.adapters.database.migrate`."""
