"""``make bench``: every part in one run, its bars and its pictures."""
