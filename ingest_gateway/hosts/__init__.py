"""What a gateway runs in: a server, or functions behind API Gateway."""
