"""Decisions: pure functions and small classes. No Beam, no I/O, no clock; time is an argument."""
