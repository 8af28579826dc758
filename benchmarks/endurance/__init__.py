"""What the whole system needs over time: 300 sessions, and standing by."""
