"""Lab Streaming Layer: configuration, outlets and inlets."""
