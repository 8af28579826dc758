"""How good what is released is, and how late: `make score`."""
