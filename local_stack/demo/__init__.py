"""``make demo``: a real talk, spoken live, heard in three languages."""
