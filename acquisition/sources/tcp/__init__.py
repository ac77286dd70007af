"""Volumes that a sender brings over TCP: what the bytes mean, and the socket they come by."""
