"""What speech engines cost and how well they do, by themselves."""
