"""The bridge: every source goes out to LSL, at its own pace or as fast as the chain can take it."""
