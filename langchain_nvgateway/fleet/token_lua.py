"""The Lua script by which processes share a token and take turns in getting one.

A token is a string that ends with its life, encrypted (see `sealed_token`); beside it stands, for as long as a process
asks for a new one, the name of that process. All times are the server's.
"""

from __future__ import annotations

from .redis_link import Script

__all__ = ["SCRIPT"]

SCRIPT = Script(
    """
local verb, me, dismissed = ARGV[1], ARGV[2], ARGV[3]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local function text(key)
  local found = redis.pcall('GET', key)
  if type(found) == 'string' then return found end
  if found then redis.call('DEL', key) end
  return ''
end

local held, asking = text(KEYS[1]), text(KEYS[2])
if verb == 'look' then
  if held ~= '' and held ~= dismissed then return {'token', now, held, redis.call('PTTL', KEYS[1])} end
  if asking ~= '' and asking ~= me then return {'wait', now} end
  redis.call('SET', KEYS[2], me, 'PX', ARGV[4])
  return {'ask', now}
end
if verb == 'keep' and (asking == me or held == dismissed) then
  redis.call('SET', KEYS[1], ARGV[4], 'PX', ARGV[5])
end
if asking == me then redis.call('DEL', KEYS[2]) end
return {'done', now}
"""
)
