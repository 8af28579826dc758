"""The live job on a standalone Flink cluster, moved and broken on purpose."""
