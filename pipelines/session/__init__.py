"""One session as a state machine: events in, commands out. No Beam, no I/O, no clock; see
``machine`` first."""
