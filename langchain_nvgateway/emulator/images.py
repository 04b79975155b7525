"""Describes an image by what its URL alone tells."""

from __future__ import annotations

import base64
import binascii
import struct

PNG = b"\x89PNG\r\n\x1a\n"


def describe_image(url: str) -> str:
    """Describe an image by kind and size; nothing is downloaded.

    Args:
        url: A data URL, or any other.
    """
    if not url.startswith("data:"):
        return "an image at a web address"
    head, _, packed = url.partition(",")
    kind = head.removeprefix("data:").split(";")[0] or "image"
    try:
        data = base64.b64decode(packed)
    except (binascii.Error, ValueError):
        return f"a damaged {kind} image"
    if data.startswith(PNG) and len(data) >= 24:
        width, height = struct.unpack(">II", data[16:24])
        return f"a {kind} image of {width} by {height} pixels ({len(data)} bytes)"
    return f"a {kind} image of {len(data)} bytes"
