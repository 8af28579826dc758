"""What bounded runs read and write: recordings, clips, dead letters and captions in folders."""
