"""The stores on SQL: one file each, one transaction per call; rows never leave this package."""
