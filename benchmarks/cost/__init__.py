"""What the services charge for an hour of one speaker."""
