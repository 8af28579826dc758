"""``make chaos``: all that can die or hang does so, again and again, while sessions speak."""
