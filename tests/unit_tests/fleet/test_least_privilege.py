"""What the user of Redis has to be allowed, and no more."""

from __future__ import annotations

import re
from pathlib import Path

import redis
from pydantic import SecretStr
from redis.exceptions import NoPermissionError

from langchain_nvgateway.fleet import Fleet
from langchain_nvgateway.fleet.schema import COMMANDS, PREFIX

from ..starfleet.token_server import TokenServer
from .conftest import NAME, NewBreaker, is_open_or_was, wait_until
from .test_tokens import NewProvider, server  # noqa: F401 - a fixture, which pytest finds by its name
from .test_tokens import new_provider as new_provider
from .valkey import Valkey

README = (Path(__file__).parents[3] / "README.md").read_text(encoding="utf-8")


class Limited:
    """A server as a user sees it that may do what the README says.

    Args:
        valkey: The server.
    """

    def __init__(self, valkey: Valkey) -> None:
        (line,) = re.findall(r"^ACL SETUSER .*$", README, re.MULTILINE)
        valkey.client.execute_command(*line.replace("PASSWORD", "fake-secret").split())
        valkey.client.execute_command("ACL", "LOG", "RESET")
        valkey.client.config_resetstat()
        self.url = valkey.url.replace("://", "://nvgateway:fake-secret@")


def test_listed_commands_are_enough_and_all_are_needed(
    own_valkey: Valkey,
    new_breaker: NewBreaker,
    new_provider: NewProvider,
    server: TokenServer,  # noqa: F811 - the fixture of that name
) -> None:
    """A user who may use these on these keys shares circuits and tokens; each of them is used, and none is denied."""
    limited = Limited(own_valkey)
    first, second = (new_breaker(limited, open_seconds=0.8) for _ in range(2))
    second.acquire()
    first.force_open()
    wait_until(is_open_or_was(second))
    wait_until(lambda: any(breaker.snapshot().retry_after is None for breaker in (first, second)))
    providers = [new_provider(limited) for _ in range(2)]
    assert providers[0].get_token() == providers[1].get_token()

    stats = own_valkey.client.info("commandstats")
    assert own_valkey.client.execute_command("ACL", "LOG") == []
    assert {name for name in COMMANDS if f"cmdstat_{name}" not in stats} == set()
    assert len(server.requests) == 1


def test_user_may_touch_no_other_key_and_no_other_command(own_valkey: Valkey) -> None:
    """As it stands in the README, with the version of the schema and the commands of this version."""
    limited = Limited(own_valkey)
    user = redis.Redis.from_url(limited.url, protocol=2)
    rules = own_valkey.client.execute_command("ACL", "GETUSER", "nvgateway")
    allowed = dict(zip(rules[::2], rules[1::2], strict=True)) if isinstance(rules, list) else rules

    assert set(str(allowed["commands"]).split()) == {"-@all", "+select", *(f"+{name}" for name in COMMANDS)}
    assert str(allowed["keys"]) == f"~{PREFIX}*"
    for command in ("KEYS *", "GET other", "FLUSHALL", "CONFIG GET *"):
        try:
            user.execute_command(*command.split())
        except NoPermissionError:
            continue
        raise AssertionError(command)
    user.close()


def test_user_who_may_do_nothing_is_a_lost_redis(own_valkey: Valkey) -> None:
    """Each process goes by its own breakers."""
    own_valkey.client.execute_command("ACL", "SETUSER", "nvgateway", "on", ">fake-secret", "-@all")
    fleet = Fleet(SecretStr(own_valkey.url.replace("://", "://nvgateway:fake-secret@")))
    breaker = fleet.breaker(NAME, place="here")
    breaker.acquire().success()
    wait_until(lambda: fleet.is_lost)
    fleet.detach([breaker])
