"""How phones of the same network reach a stack that runs on this machine: by option only."""
