"""The interface described (OpenAPI 3.1): each route is served with its operation, and the document is made of those.

`operation.py` says what an operation is, `document.py` makes the document; each area has a file of its operations.
"""
