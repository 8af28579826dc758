"""What lives in a worker process beside Beam: an event loop, open connections, work in flight.

All of it is soft: Beam's state and the ledger can rebuild it at any moment.
"""
