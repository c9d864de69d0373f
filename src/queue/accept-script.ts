import { appendCheckLua, appendWriteLua } from './append-lua.ts';

/**
 * The accept script: makes a batch of messages, all their deliveries and their audit page durable in one step, or
 * nothing (design 5.1, 5.2). Phase one checks all that can fail; phase two only writes. It carries no `allow-oom`
 * flag on purpose: Redis itself then refuses it before its first line when memory is full.
 *
 * KEYS  1 writer record   2 audit stream   3 audit meta   4 ready set   5 doorbell   6 instance
 *       then for each lane: its stream, its meta
 * ARGV  1 n   2 previous head   3 head   4 page   5 journal   6 audit pages max   7 audit bytes max
 *       8 recorder silence max, ms   9 writer id when this page opens a chain, else empty
 *       then for each lane: name, messages max, bytes max, count, the entries
 *
 * Replies: OK|now|used memory|max memory|first laneSeq of each lane, joined by blanks
 *          STORED, the reply given the first time      GAP, stored n, stored head
 *          AUDIT_LAG, pages, bytes, ms since the recorder was seen
 *          LANE_FULL, lane indexes from 0 ...           SHAPE, what
 */
export const acceptScript = `#!lua
${appendCheckLua}
${appendWriteLua}
local function lastId(stream)
  if redis.call('EXISTS', stream) == 0 then return 0 end
  local info = redis.call('XINFO', 'STREAM', stream)
  for i = 1, #info, 2 do
    if info[i] == 'last-generated-id' then return tonumber(string.match(info[i + 1], '^%d+')) end
  end
end
if #ARGV < 9 or not allWhole(1, 1) or not allWhole(6, 8) then return {'SHAPE', 'numbers'} end
local n = tonumber(ARGV[1])
if #ARGV[2] ~= 64 or #ARGV[3] ~= 64 or #ARGV[4] == 0 then return {'SHAPE', 'page'} end
local lanes = (#KEYS - 6) / 2
if lanes ~= math.floor(lanes) then return {'SHAPE', 'keys'} end

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
redis.call('XLEN', KEYS[5])
if ARGV[9] ~= '' then redis.call('STRLEN', KEYS[6]) end

local at = 10
local plan = {}
local full = {'LANE_FULL'}
local seen = {}
for lane = 1, lanes do
  local streamKey, metaKey = KEYS[5 + 2 * lane], KEYS[6 + 2 * lane]
  if seen[streamKey] then return {'SHAPE', 'lane twice'} end
  seen[streamKey] = true
  if at + 3 > #ARGV or not allWhole(at + 1, at + 3) then return {'SHAPE', 'lane'} end
  local count = tonumber(ARGV[at + 3])
  if count < 1 or at + 3 + count > #ARGV then return {'SHAPE', 'lane'} end
  local bytes = 0
  for i = at + 4, at + 3 + count do
    if #ARGV[i] == 0 then return {'SHAPE', 'entry'} end
    bytes = bytes + #ARGV[i]
  end
  local waiting = redis.call('XLEN', streamKey)
  local m = redis.call('HMGET', metaKey, 'next', 'bytes', 'in')
  local held = counter(m[2])
  if not held or not counter(m[1]) or not counter(m[3]) then return {'SHAPE', 'lane counters'} end
  -- XADD refuses a laneSeq that is not above the last one, an entry taken off since included: found here, not half-way.
  local first = tonumber(m[1] or '1')
  if lastId(streamKey) >= first then return {'SHAPE', 'lane numbering'} end
  if waiting + count > tonumber(ARGV[at + 1]) or held + bytes > tonumber(ARGV[at + 2]) then
    full[#full + 1] = lane - 1
  end
  plan[lane] = {streamKey, metaKey, at, count, bytes, first, waiting}
  at = at + 4 + count
end
if at ~= #ARGV + 1 then return {'SHAPE', 'arguments'} end
if #full > 1 then return full end
local info = redis.call('INFO', 'memory')
local used = string.match(info, 'used_memory:(%d+)') or '0'
local max = string.match(info, 'maxmemory:(%d+)') or '0'

local reply = {now, used, max}
for lane = 1, lanes do
  local p = plan[lane]
  local seq = p[6]
  reply[3 + lane] = seq
  for i = p[3] + 4, p[3] + 3 + p[4] do
    redis.call('XADD', p[1], seq .. '-0', 'e', ARGV[i])
    seq = seq + 1
  end
  redis.call('HSET', p[2], 'next', seq)
  redis.call('HINCRBY', p[2], 'in', p[4])
  redis.call('HINCRBY', p[2], 'bytes', p[5])
  if p[7] == 0 then
    redis.call('SADD', KEYS[4], ARGV[p[3]])
    redis.call('XADD', KEYS[5], 'MAXLEN', '~', 256, '*', 'l', ARGV[p[3]])
  end
end
local text = table.concat(reply, ' ')
appendPage(KEYS[1], KEYS[2], KEYS[3], n, ARGV[3], ARGV[4], ARGV[5], text)
if ARGV[9] ~= '' then redis.call('SET', KEYS[6], ARGV[9]) end
return {'OK', text}
`;
