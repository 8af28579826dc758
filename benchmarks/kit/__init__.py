"""What ``beam_flink_kit`` adds to a call."""
