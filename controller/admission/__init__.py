"""Answers the API server about claims that are being created. Writes nothing, anywhere."""
