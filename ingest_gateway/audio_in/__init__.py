"""A speaker's audio from its message to the stream, and its acknowledgement."""
