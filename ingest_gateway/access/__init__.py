"""Who calls, and who may: tokens, tickets, the user pool, rules of listening."""
