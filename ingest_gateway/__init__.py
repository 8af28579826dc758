"""From browsers to the durable log, and from the job's clips back to browsers."""
