"""What goes over the wire, and the state machine of one connection. Pure."""
