"""Events, rooms and the talks in them: who has a room's stage, and what its listeners are told."""
