import { appendCheckLua, appendWriteLua } from './append-lua.ts';
import { laneLua } from './lane-lua.ts';

/**
 * The accept script: makes a batch of messages, all their deliveries and their audit page durable in one step, or
 * nothing (design 5.1, 5.2). Phase one checks all that can fail; phase two only writes. It carries no `allow-oom`
 * flag on purpose: Redis itself then refuses it before its first line when memory is full.
 *
 * KEYS  1 writer record   2 audit stream   3 audit meta   4 ready set   5 lanes set   6 due set   7 courier bell
 *       8 gateway bell   9 instance
 *       then for each lane: its meta, a stream for each class of the call
 *       then for each shared body: its key
 *       then for each station that sent control fields: what it sent in this span, in the one before
 * ARGV  1 n   2 previous head   3 head   4 page   5 journal   6 audit pages max   7 audit bytes max
 *       8 recorder silence max, ms   9 writer id when this page opens a chain, else empty   10 lane hold, ms
 *       11 lanes   12 bodies   13 stations   14 resend window, ms
 *       then for each lane: name, bell (0 courier, 1 gateway), messages max, bytes max, groups, and for each group:
 *         class, count, then count times (time to live in ms or 0, entry)
 *       then for each body: references, sealed bytes
 *       then for each station: remembered max, count, then count times (field, 'L body-hash message-id'), L 1 to look it up
 *
 * Replies: OK|now|used memory|max memory|not remembered, joined by blanks
 *          STORED, the reply given the first time      GAP, stored n, stored head
 *          AUDIT_LAG, pages, bytes, ms since the recorder was seen
 *          LANE_FULL, lane names ...        SHAPE, what
 *          KNOWN, then for each control field sent before: field, 1 same body or 0, message id of the first
 */
export const acceptScript = `#!lua
${appendCheckLua}
${appendWriteLua}
${laneLua}
if #ARGV < 14 or not allWhole(1, 1) or not allWhole(6, 8) or not allWhole(10, 14) then return {'SHAPE', 'numbers'} end
local n = tonumber(ARGV[1])
if #ARGV[2] ~= 64 or #ARGV[3] ~= 64 or #ARGV[4] == 0 then return {'SHAPE', 'page'} end
local holdMs, lanes, bodies = tonumber(ARGV[10]), tonumber(ARGV[11]), tonumber(ARGV[12])
local stations, windowMs = tonumber(ARGV[13]), tonumber(ARGV[14])

local state, a, b = writerState(KEYS[1], n, ARGV[2], ARGV[3])
if state == 'STORED' then return {'STORED', a} end
if state == 'GAP' then return {'GAP', a, b} end
local now = nowMs()

local pages = redis.call('XLEN', KEYS[2])
local meta = redis.call('HMGET', KEYS[3], 'bytes', 'seen')
local lagBytes = counter(meta[1])
if not lagBytes then return {'SHAPE', 'audit counters'} end
local silence = now - tonumber(meta[2] or '0')
if pages >= tonumber(ARGV[6]) or lagBytes >= tonumber(ARGV[7]) or silence > tonumber(ARGV[8]) then
  return {'AUDIT_LAG', pages, lagBytes, silence}
end
redis.call('SCARD', KEYS[4])
redis.call('SCARD', KEYS[5])
redis.call('ZCARD', KEYS[6])
redis.call('XLEN', KEYS[7])
redis.call('XLEN', KEYS[8])
if ARGV[9] ~= '' then redis.call('STRLEN', KEYS[9]) end

local at, key = 15, 10
local plans, full, seen = {}, {'LANE_FULL'}, {}
for lane = 1, lanes do
  if not allWhole(at + 1, at + 4) or not KEYS[key] then return {'SHAPE', 'lane'} end
  local metaKey, groups = KEYS[key], tonumber(ARGV[at + 4])
  if seen[metaKey] then return {'SHAPE', 'lane twice'} end
  seen[metaKey] = true
  local counts = laneCounts(metaKey)
  if not counts then return {'SHAPE', 'lane counters'} end
  local plan, next = readGroups(metaKey, at + 5, groups, key + 1)
  if not plan then return {'SHAPE', next} end
  if counts.waiting + plan.count > tonumber(ARGV[at + 2]) or counts.bytes + plan.bytes > tonumber(ARGV[at + 3]) then
    full[#full + 1] = ARGV[at]
  end
  plan.name, plan.bell, plan.metaKey = ARGV[at], ARGV[at + 1], metaKey
  plans[lane] = plan
  key = key + 1 + groups
  at = next
end
local bodiesAt, bodiesKey = at, key
for i = 1, bodies do
  if not KEYS[key] or not allWhole(at, at) or not ARGV[at + 1] or redis.call('HLEN', KEYS[key]) ~= 0 then
    return {'SHAPE', 'body'}
  end
  at, key = at + 2, key + 1
end
local known, remember = {'KNOWN'}, {}
for i = 1, stations do
  if not KEYS[key + 1] or not allWhole(at, at + 1) then return {'SHAPE', 'station'} end
  local many = tonumber(ARGV[at + 1])
  if many < 1 or at + 1 + 2 * many > #ARGV then return {'SHAPE', 'station'} end
  local fields, values = {}, {}
  for j = 1, many do
    local field, value = ARGV[at + 2 * j], ARGV[at + 1 + 2 * j]
    fields[j] = field
    values[2 * j - 1] = field
    values[2 * j] = now .. string.sub(value, 2)
  end
  local current, before = redis.call('HMGET', KEYS[key], unpack(fields)), {}
  if redis.call('HLEN', KEYS[key + 1]) > 0 then before = redis.call('HMGET', KEYS[key + 1], unpack(fields)) end
  for j = 1, many do
    local found, value = current[j] or before[j], ARGV[at + 1 + 2 * j]
    if found and string.sub(value, 1, 1) == '1' then
      local t, body, id = string.match(found, '^(%d+) (%S+) (%S+)$')
      if t and now - tonumber(t) <= windowMs then
        known[#known + 1] = fields[j]
        known[#known + 1] = body == string.match(value, '^1 (%S+)') and '1' or '0'
        known[#known + 1] = id
      end
    end
  end
  remember[i] = {KEYS[key], values, tonumber(ARGV[at]) - redis.call('HLEN', KEYS[key]), many}
  at, key = at + 2 + 2 * many, key + 2
end
if at ~= #ARGV + 1 or key ~= #KEYS + 1 then return {'SHAPE', 'arguments'} end
if #full > 1 then return full end
if #known > 1 then return known end
local info = redis.call('INFO', 'memory')
local used = string.match(info, 'used_memory:(%d+)') or '0'
local max = string.match(info, 'maxmemory:(%d+)') or '0'

for lane = 1, lanes do
  local p = plans[lane]
  addGroups(p.name, p.metaKey, p, now, holdMs,
    {due = KEYS[6], ready = KEYS[4], lanes = KEYS[5], bell = bellKey(p.bell, KEYS[7], KEYS[8])})
end
for i = 1, bodies do
  redis.call('HSET', KEYS[bodiesKey + i - 1], 'n', ARGV[bodiesAt + 2 * i - 2], 'b', ARGV[bodiesAt + 2 * i - 1])
end
local forgotten = 0
for i = 1, stations do
  local r = remember[i]
  if r[3] >= r[4] then
    redis.call('HSET', r[1], unpack(r[2]))
    redis.call('PEXPIRE', r[1], 2 * windowMs)
  else
    forgotten = forgotten + r[4]
  end
end
local text = table.concat({now, used, max, forgotten}, ' ')
appendPage(KEYS[1], KEYS[2], KEYS[3], n, ARGV[3], ARGV[4], ARGV[5], text)
if ARGV[9] ~= '' then redis.call('SET', KEYS[9], ARGV[9]) end
return {'OK', text}
`;
