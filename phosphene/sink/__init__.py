"""What stands at the end of the chain: keeps the newest picture that the gate lets through.

A sink never trusts silence. It is blank until the gate says that frames pass, and blank again when
the gate withdraws that or is not heard for 0.75 s.
"""

from phosphene.sink.state import FRESH_S, Showing, SinkState

__all__ = ["FRESH_S", "Showing", "SinkState"]
