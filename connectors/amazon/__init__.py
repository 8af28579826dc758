"""The interfaces on Amazon's services."""
