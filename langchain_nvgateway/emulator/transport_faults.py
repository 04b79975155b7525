"""Faults that any HTTP server can have, whatever it serves."""

from __future__ import annotations

from . import deliveries
from .faults import Exchange, Fault, FaultPlan, answer_with
from .responses import Delivery, Response, text_response

HTML = "<!DOCTYPE html><html><head><title>{title}</title></head><body><h1>{title}</h1><hr>nginx</body></html>"
HTML_TYPE = "text/html; charset=utf-8"


def _sent_by(delivery: Delivery) -> FaultPlan:
    def plan(exchange: Exchange, fault: Fault) -> Response:
        response = exchange.normal
        response.delivery = delivery
        return response

    return plan


def _wordless(delivery: Delivery) -> FaultPlan:
    """Plan a fault that needs no normal answer, so that none is made up."""

    def plan(exchange: Exchange, fault: Fault) -> Response:
        return Response(200, delivery=delivery)

    return plan


def _redirect(exchange: Exchange, fault: Fault) -> Response:
    # .invalid can never resolve (RFC 6761): a client that follows fails instead of leaking.
    url = fault.url or "https://elsewhere.invalid/"
    return Response(302, {"location": url})


def _slow_drip(exchange: Exchange, fault: Fault) -> Response:
    response = exchange.normal
    response.delivery = deliveries.drip(fault.interval or deliveries.DRIP_SECONDS)
    return response


def _drip_headers(exchange: Exchange, fault: Fault) -> Response:
    response = exchange.normal
    response.delivery = deliveries.drip_head(fault.interval or deliveries.DRIP_SECONDS)
    return response


def _huge(exchange: Exchange, fault: Fault) -> Response:
    delivery = deliveries.send_huge(fault.size or 32 * 1024 * 1024)
    return Response(200, {"content-type": "application/json"}, delivery=delivery)


def _gzip_bomb(exchange: Exchange, fault: Fault) -> Response:
    delivery = deliveries.send_gzip_bomb(fault.size or 64 * 1024 * 1024)
    return Response(200, {"content-type": "application/json"}, delivery=delivery)


def _malformed_json(exchange: Exchange, fault: Fault) -> Response:
    return text_response(200, '{"id": "x", "object": "chat.compl', "application/json")


def _invalid_utf8(exchange: Exchange, fault: Fault) -> Response:
    bad = b'{"id": "\xff\xfe\x80", "choices": [], "access_token": "\xc3\x28"}'
    return Response(200, {"content-type": "application/json"}, bad)


def _echo_secret(exchange: Exchange, fault: Fault) -> Response:
    """Answer an error that repeats the request's credentials in body and headers."""
    request = exchange.request
    seen = request.headers.get("authorization") or request.headers.get("api-key", "")
    body = request.body.decode("utf-8", "replace")
    text = f"cannot serve {request.method} {request.path} with {seen!r} and {body!r}"
    response = Fault(body={"error": "invalid_request", "error_description": text})
    return response.adjust(Response(400, {"x-debug-authorization": seen}))


def _connection_close(exchange: Exchange, fault: Fault) -> Response:
    response = exchange.normal
    response.close = True
    return response


def _html(status: int, title: str) -> FaultPlan:
    def plan(exchange: Exchange, fault: Fault) -> Response:
        return text_response(status, HTML.format(title=title), HTML_TYPE)

    return plan


TRANSPORT_FAULTS: dict[str, FaultPlan] = {
    "hang": _wordless(deliveries.hang),
    "disconnect": _wordless(deliveries.disconnect),
    "reset": _wordless(deliveries.reset),
    "garbage": _wordless(deliveries.send_garbage),
    "bad_chunk_framing": _wordless(deliveries.break_chunk_framing),
    "content_length_too_long": _sent_by(deliveries.announce_too_much),
    "content_length_too_short": _sent_by(deliveries.announce_too_little),
    "slow_drip": _slow_drip,
    "drip_headers": _drip_headers,
    "connection_close": _connection_close,
    "redirect": _redirect,
    "huge": _huge,
    "gzip_bomb": _gzip_bomb,
    "malformed_json": _malformed_json,
    "invalid_utf8": _invalid_utf8,
    "echo_secret": _echo_secret,
    "html_200": _html(200, "Sign in"),
    "empty_200": answer_with(200),
    "bad_gateway_html": _html(502, "502 Bad Gateway"),
}
"""Name to plan; every service has these."""
