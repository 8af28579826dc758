"""What the job itself adds to the latency, by load: sessions that cost nothing to serve."""
