"""The graph's steps, one file each, in the order of the README's picture."""
