"""A run on several machines: where its sockets are, and who may come in.

Without the session's table ``[network]`` every socket is a file in the run's private folder. With
it those sockets that another machine needs listen on TCP, each with CURVE and a list of the public
keys that it lets in.
"""

from phosphene.network.layout import Machine, Network, Peer
from phosphene.network.sockets import GuardedContext, guarded_context

__all__ = ["GuardedContext", "Machine", "Network", "Peer", "guarded_context"]
