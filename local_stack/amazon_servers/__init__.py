"""Local servers that speak the wire protocols of Amazon's speech services, for the real clients.

They check what a client signs, and answer from the project's scripted or offline engines. They
know nothing of the adapters: what both agree on is Amazon's documentation and the official SDKs.
"""
