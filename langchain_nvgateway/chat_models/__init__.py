"""The chat models of the two services, and the request path that they share."""

from .gateway import ChatNVGateway
from .nim import ChatNIM

__all__ = ["ChatNIM", "ChatNVGateway"]
