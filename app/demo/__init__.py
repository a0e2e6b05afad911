"""The demo partner: a brand of our own invention with a key set, a participant API and links to its campaign.

A process of its own (`python -m app.demo`), which talks to Vestibule as any partner does: by tokens and over HTTP.
"""
