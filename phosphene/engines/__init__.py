"""Engines beside ONNX Runtime, half precision, and the choice between them."""
