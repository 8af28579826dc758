"""The values that flow, their wire formats and their names. No I/O."""
