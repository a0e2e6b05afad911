"""The web process: participants, management and pages over HTTP; `server.py` wires it."""
