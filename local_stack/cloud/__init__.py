"""Amazon's services on this machine: MiniStack, patched, and the faults it is given."""
