"""The gateway as one process: ASGI application, WebSocket endpoint, uvicorn."""
