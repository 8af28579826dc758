"""What adapters share around one outside call: retries, deadlines, rates, caches."""
