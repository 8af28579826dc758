"""Sessions, their speakers and listeners, and the connections of both."""
