"""From a spoken word to the listener's ear, by this job and by the flow that it replaces."""
