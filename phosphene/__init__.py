"""What every node shares: messages, bus, clock, configuration, gate, recorder, supervisor, CLI."""
