"""The Beam job that turns a session's audio into translated clips."""
