"""What the job and the gateway ask of the outside: Protocols, their values, their errors."""
