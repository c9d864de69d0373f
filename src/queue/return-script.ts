import { openingLua } from './opening-lua.ts';

/**
 * Takes in deliveries that came back from a topic (docs/decisions/0014), in one step with the page that says so: each a dead letter or, of
 * somebody else's message, a record alone. The lane counted them as delivered and goes on doing so; they have a counter of their own.
 * What was taken in is remembered for two spans of time, so that a message the bus gives again makes no second letter and no second
 * notice.
 *
 * KEYS  1-9 as in the settle script   10 dead stream   11 remembered in this span   12 in the one before   13 the lane's meta
 *       then for each lane that gets notices: its meta, a stream for each class
 * ARGV  1-5, 7 as in the settle script; 8 unused   6 dead stream max   9 lane hold, ms   10 letters   11 notice lanes
 *       12 remembered at most in a span   13 a span, ms   14 lane   15 subscription
 *       then for each letter: what it is remembered by, what its notice is (empty: none is made now), class, laneSeq, code,
 *         body ('sealed', 'jwe', 'none'), entry (empty: a record alone)   then the notice lanes as in the settle script
 * Replies: OK   STALE: one of them is known, or its notice is; look again   DEAD_FULL   GAP, n, head   SHAPE, what
 */
export const returnScript = `#!lua flags=allow-oom
${openingLua}
if #ARGV < 15 or not allWhole(1, 1) or not allWhole(6, 6) or not allWhole(9, 13) then return {'SHAPE', 'numbers'} end
if ARGV[4] == '' then return {'SHAPE', 'page'} end
local now = nowMs()
local outcome, no = checkPage(true)
if not outcome then return no end
if outcome == 'STORED' then return {'OK'} end
local letters, lanes = tonumber(ARGV[10]), tonumber(ARGV[11])
if letters < 1 or not KEYS[13] or 15 + 7 * letters > #ARGV then return {'SHAPE', 'letters'} end
if not laneCounts(KEYS[13]) or not counter(redis.call('HGET', KEYS[13], 'returned')) then
  return {'SHAPE', 'lane counters'}
end
local function isKnown(name)
  return redis.call('HEXISTS', KEYS[11], name) == 1 or redis.call('HEXISTS', KEYS[12], name) == 1
end
local named, kept, names = {}, 0, 0
for i = 0, letters - 1 do
  local at = 16 + 7 * i
  local memory, notice = ARGV[at], ARGV[at + 1]
  if memory == '' or named[memory] or named[notice] or memory == notice then return {'SHAPE', 'letter'} end
  if not string.match(ARGV[at + 2], '^[0-6]$') or not allWhole(at + 3, at + 3) then return {'SHAPE', 'letter'} end
  if isKnown(memory) or (notice ~= '' and isKnown(notice)) then return {'STALE'} end
  named[memory], names = true, names + 1
  if notice ~= '' then named[notice], names = true, names + 1 end
  if ARGV[at + 6] ~= '' then kept = kept + 1 end
end
local plans, next, lastKey = readNotices(16 + 7 * letters, lanes, 14)
if not plans then return {'SHAPE', next} end
if next ~= #ARGV + 1 or (lastKey or 14) ~= #KEYS + 1 then return {'SHAPE', 'arguments'} end
if kept > 0 and redis.call('XLEN', KEYS[10]) + kept > tonumber(ARGV[6]) then return {'DEAD_FULL'} end
if redis.call('HLEN', KEYS[11]) + names > tonumber(ARGV[12]) then return {'DEAD_FULL'} end

for i = 0, letters - 1 do
  local at = 16 + 7 * i
  redis.call('HSET', KEYS[11], ARGV[at], '1')
  if ARGV[at + 1] ~= '' then redis.call('HSET', KEYS[11], ARGV[at + 1], '1') end
  if ARGV[at + 6] ~= '' then
    redis.call('XADD', KEYS[10], '*', 'f', 2, 'lane', ARGV[14], 'class', ARGV[at + 2], 'seq', ARGV[at + 3],
      'code', ARGV[at + 4], 't', now, 'e', ARGV[at + 6], 'sub', ARGV[15], 'body', ARGV[at + 5])
  end
end
redis.call('PEXPIRE', KEYS[11], 2 * tonumber(ARGV[13]))
redis.call('HINCRBY', KEYS[13], 'returned', letters)
redis.call('SADD', KEYS[5], ARGV[14])
addAll(plans, now, tonumber(ARGV[9]))
writePage()
return {'OK'}
`;
