"""The Lua script by which processes agree on circuits.

One run of it is one round trip for all circuits of a process, and nothing comes between its parts. All times are
the server's. A circuit is a hash with

    gen     its generation: grows with each opening and closing, and also past the loss of all data, since it is
            at least the server's time in microseconds
    state   `open` or `closed`; half-open is an open circuit whose time is over
    until   when a probe may go out
    for     milliseconds for which it opened
    openings, at    how often it opened since it was last healthy; when it opened or closed
    owner, lease    whose process may probe, and until when
    since, hold     since when it may, and for how long it need not pass that on
    want            until when another process waits to probe

An opening or closing counts only in the generation in which its process saw the circuit, and while no other process
holds the lease of the probe. The first key has when any of them was last written; who has a closed circuit, and knows
that moment, is told nothing. What cannot be read, of another type or with other fields, is as if it were not there.
"""

from __future__ import annotations

from .redis_link import Script
from .schema import HOLD_MS, KEEP_CLOSED_MS, KEEP_OPEN_MS, LEASE_SECONDS, LONGEST_HOLD_MS

__all__ = ["SCRIPT"]

_TIMES = f"""
local LEASE, HOLD, LONGEST = {round(LEASE_SECONDS * 1000)}, {HOLD_MS}, {LONGEST_HOLD_MS}
local KEEP_OPEN, KEEP_CLOSED = {KEEP_OPEN_MS}, {KEEP_CLOSED_MS}
"""

_RULES = """
local time = redis.call('TIME')
local micros = time[1] * 1000000 + time[2]
local now = math.floor(micros / 1000)
local NAMES = {'gen', 'state', 'until', 'for', 'openings', 'at', 'owner', 'lease', 'since', 'hold', 'want'}

local function last_change()
  local found = redis.pcall('GET', KEYS[1])
  return type(found) == 'string' and found or ''
end

local function read(key)
  local found = redis.pcall('HMGET', key, unpack(NAMES))
  if found.err then return nil end
  local circuit = {}
  for place, name in ipairs(NAMES) do
    local value = found[place] or nil
    if name ~= 'state' and name ~= 'owner' then
      value = tonumber(value or '')
      if value and not (value >= 0 and value < 9e15) then value = nil end
    end
    if value == nil then return nil end
    circuit[name] = value
  end
  if circuit.state == 'open' or circuit.state == 'closed' then return circuit end
  return nil
end

local function write(key, circuit)
  local fields = {}
  for _, name in ipairs(NAMES) do
    local value = circuit[name] or ''
    if type(value) == 'number' then value = string.format('%.0f', value) end
    fields[#fields + 1] = name
    fields[#fields + 1] = value
  end
  redis.call('DEL', key)
  redis.call('HSET', key, unpack(fields))
  local keep = circuit['for'] + KEEP_CLOSED
  if circuit.state == 'open' then keep = math.max(circuit['until'] - now, 0) + KEEP_OPEN end
  redis.call('PEXPIRE', key, string.format('%.0f', keep))
  redis.call('SET', KEYS[1], string.format('%.0f', micros), 'PX', KEEP_OPEN)
end

local function begun(before, state, left, length, openings)
  local gen = math.max((before and before.gen or 0) + 1, micros)
  return {gen = gen, state = state, ['until'] = now + left, ['for'] = length, openings = openings, at = now,
          owner = '', lease = 0, since = 0, hold = HOLD, want = 0}
end

local answers = {}
local before = last_change()
local is_unchanged = before ~= '' and ARGV[1] == before
for place = 2, #KEYS do
  local key, first = KEYS[place], 1 + (place - 2) * 9
  local verb, base, me = ARGV[first + 1], tonumber(ARGV[first + 2]), ARGV[first + 3]
  local left, length, openings = tonumber(ARGV[first + 4]), tonumber(ARGV[first + 5]), tonumber(ARGV[first + 6])
  local age, wants, uses = tonumber(ARGV[first + 7]), ARGV[first + 8] == '1', ARGV[first + 9] == '1'
  local is_skipped = verb == 'glance' and is_unchanged
  local circuit, done, wanted = nil, false, false
  if not is_skipped then circuit = read(key) end
  local function held_by_other() return circuit.owner ~= me and circuit.lease > now end
  local function free() return not circuit or (circuit.gen == base and not held_by_other()) end
  if verb == 'open' then
    local unseen = circuit and base == 0 and circuit.state == 'closed' and now - age >= circuit.at
    done = free() or unseen
    if done then circuit = begun(circuit, 'open', left, length, openings) end
  elseif verb == 'close' or verb == 'reset' then
    done = free() or verb == 'reset'
    if done then circuit = begun(circuit, 'closed', 0, length, openings) end
  elseif verb == 'claim' then
    if not circuit then circuit = begun(nil, 'open', 0, length, openings) base = circuit.gen end
    if circuit.gen == base and circuit.state == 'open' and (circuit['until'] <= now or uses) then
      done = not held_by_other()
      if done then
        if circuit.owner ~= me then circuit.since = now circuit.want = 0 end
        circuit.owner = me
        circuit.lease = now + LEASE
      elseif wants then
        circuit.want, wanted = now + LEASE, true
      end
    end
  elseif verb == 'release' and circuit and circuit.gen == base and circuit.owner == me then
    done = true
    circuit.owner, circuit.lease = '', 0
    circuit.hold = math.min(circuit.hold * 2, LONGEST)
  end
  if done or wanted then write(key, circuit) end
  if is_skipped then
    answers[place - 1] = {}
  elseif circuit then
    local holder = 0
    if circuit.lease > now then holder = circuit.owner == me and 1 or 2 end
    answers[place - 1] = {done and 1 or 0, circuit.gen, circuit.state, math.max(circuit['until'] - now, 0),
                          circuit['for'], circuit.openings, now - circuit.at, holder,
                          math.max(circuit.since + circuit.hold - now, 0), circuit.want > now and 1 or 0}
  else
    answers[place - 1] = {0, 0}
  end
end
-- What was written here may concern a step before it, so the moment that is told is the one before.
if last_change() == '' then
  before = string.format('%.0f', micros)
  redis.pcall('SET', KEYS[1], before, 'PX', KEEP_OPEN)
end
return {before, answers}
"""

SCRIPT = Script(_TIMES + _RULES)
