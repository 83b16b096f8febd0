"""The HTTP API. FastAPI and uvicorn are imported in this folder alone."""
