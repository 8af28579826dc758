"""Neural engines on this machine: each model in a process of its own, behind the interfaces."""
