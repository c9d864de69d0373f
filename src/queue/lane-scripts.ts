import { appendCheckLua, appendWriteLua } from './append-lua.ts';

/**
 * Scripts of a lane's owner (design 5.5, 5.9). Each compares the fencing token first; a stale owner gets FENCED and
 * nothing is written. All carry `allow-oom`: a full Redis must still be able to drain.
 *
 * Lane meta fields: next (laneSeq the next entry gets), settled (last laneSeq taken off the lane), handed (last laneSeq
 * given to an owner), owner, token, until (lease end, Redis ms), in, delivered, dead, expired, sentUnconfirmed,
 * divertedOut, bytes.
 */

/**
 * Claim. KEYS 1 meta; ARGV 1 owner, 2 lease ms, 3 margin ms.
 * Replies: OK, token, settled, handed | HELD, ms until it may be claimed. A live owner keeps its lane until the lease
 * and the margin have passed, even if the claimant bears its name: the old process may only be slow.
 */
export const claimScript = `#!lua flags=allow-oom
local t = redis.call('TIME')
local now = tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
local m = redis.call('HMGET', KEYS[1], 'owner', 'until', 'token', 'settled', 'handed')
local free = tonumber(m[2] or '0') + tonumber(ARGV[3])
if m[1] and m[1] ~= '' and free > now then return {'HELD', free - now} end
local token = tonumber(m[3] or '0') + 1
redis.call('HSET', KEYS[1], 'owner', ARGV[1], 'token', token, 'until', now + tonumber(ARGV[2]))
return {'OK', token, tonumber(m[4] or '0'), tonumber(m[5] or '0')}
`;

/** Renew or give back. KEYS 1 meta; ARGV 1 token, 2 lease ms, or 0 to release. Replies OK | FENCED. */
export const renewScript = `#!lua flags=allow-oom
if redis.call('HGET', KEYS[1], 'token') ~= ARGV[1] then return {'FENCED'} end
local t = redis.call('TIME')
local now = tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
if ARGV[2] == '0' then
  redis.call('HSET', KEYS[1], 'owner', '', 'until', 0)
else
  redis.call('HSET', KEYS[1], 'until', now + tonumber(ARGV[2]))
end
return {'OK'}
`;

/**
 * Settle prefixes of any number of owned lanes and take what comes next, in one round trip (design 5.1 for the way back:
 * one call in flight per writer). Either every lane of the call passes its checks or nothing is written.
 *
 * KEYS  1 writer record  2 audit stream  3 audit meta  4 ready set  5 dead stream  6 instance
 *       then for each lane: its stream, its meta
 * ARGV  1 n   2 previous head   3 head   4 page, empty: nothing to settle   5 journal   6 dead stream max
 *       7 writer id when the page opens a chain, else empty   8 lease ms
 *       then for each lane: name, token, settle up to this laneSeq (0: nothing), delivered, bytes settled,
 *       take after this laneSeq, take count (0: none), dead count, then for each dead one: laneSeq, code
 *
 * Replies: OK, 'OK'|'STORED', then for each lane: waiting, {laneSeq, entry, ...}
 *          FENCED, lane indexes from 0 ...   GAP, n, head   DEAD_FULL   SHAPE, what
 * A resent call that was already stored skips the writes and takes again, which changes nothing. Its page counts, so a lane
 * lost meanwhile does not undo it: that lane's waiting is -1.
 */
export const settleScript = `#!lua flags=allow-oom
${appendCheckLua}
${appendWriteLua}
local lanes = (#KEYS - 6) / 2
if lanes ~= math.floor(lanes) then return {'SHAPE', 'keys'} end
if #ARGV < 8 or not allWhole(1, 1) or not allWhole(6, 6) or not allWhole(8, 8) then return {'SHAPE', 'numbers'} end
local now = nowMs()
local withPage = ARGV[4] ~= ''
if withPage and (#ARGV[2] ~= 64 or #ARGV[3] ~= 64) then return {'SHAPE', 'page'} end
local outcome = 'OK'
if withPage then
  local state, a, b = writerState(KEYS[1], tonumber(ARGV[1]), ARGV[2], ARGV[3])
  if state == 'GAP' then return {'GAP', a, b} end
  if state == 'STORED' then outcome = 'STORED' end
  redis.call('XLEN', KEYS[2])
  if not counter(redis.call('HGET', KEYS[3], 'bytes')) then return {'SHAPE', 'audit counters'} end
  if ARGV[7] ~= '' then redis.call('STRLEN', KEYS[6]) end
end
redis.call('SCARD', KEYS[4])

local at = 9
local plan, fenced, deadTotal, seen = {}, {'FENCED'}, 0, {}
for lane = 1, lanes do
  local streamKey, metaKey = KEYS[5 + 2 * lane], KEYS[6 + 2 * lane]
  if seen[streamKey] then return {'SHAPE', 'lane twice'} end
  seen[streamKey] = true
  if at + 7 > #ARGV or not allWhole(at + 2, at + 7) then return {'SHAPE', 'lane'} end
  local upTo, delivered = tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3])
  local deadCount = tonumber(ARGV[at + 7])
  if at + 7 + 2 * deadCount > #ARGV then return {'SHAPE', 'lane'} end
  local m = redis.call('HMGET', metaKey, 'token', 'settled', 'handed', 'delivered', 'dead', 'bytes')
  local settled, handed = counter(m[2]), counter(m[3])
  if not settled or not handed or not counter(m[4]) or not counter(m[5]) or not counter(m[6]) then
    return {'SHAPE', 'lane counters'}
  end
  redis.call('XLEN', streamKey)
  local isOurs = m[1] == ARGV[at + 1]
  if not isOurs then fenced[#fenced + 1] = lane - 1 end
  local deadEntries = {}
  if outcome == 'OK' and isOurs then
    if upTo > 0 and (not withPage or upTo - settled ~= delivered + deadCount) then return {'SHAPE', 'counts'} end
    if upTo == 0 and delivered + deadCount > 0 then return {'SHAPE', 'counts'} end
    if upTo > handed then return {'SHAPE', 'not handed out'} end
    local before = settled
    for i = 1, deadCount do
      local seq = counter(ARGV[at + 6 + 2 * i])
      -- Each once and in order: a repeated one would balance the counters while another entry vanishes.
      if not seq or seq <= before or seq > upTo then return {'SHAPE', 'dead entry'} end
      local found = redis.call('XRANGE', streamKey, ARGV[at + 6 + 2 * i] .. '-0', ARGV[at + 6 + 2 * i] .. '-0')
      if not found[1] then return {'SHAPE', 'dead entry'} end
      deadEntries[i] = found[1][2][2]
      before = seq
    end
    deadTotal = deadTotal + deadCount
  end
  plan[lane] = {streamKey, metaKey, at, upTo, delivered, deadCount, deadEntries, handed, isOurs}
  at = at + 8 + 2 * deadCount
end
if at ~= #ARGV + 1 then return {'SHAPE', 'arguments'} end
if #fenced > 1 and outcome == 'OK' then return fenced end
if redis.call('XLEN', KEYS[5]) + deadTotal > tonumber(ARGV[6]) and deadTotal > 0 then return {'DEAD_FULL'} end

if withPage and outcome == 'OK' then
  for lane = 1, lanes do
    local p = plan[lane]
    for i = 1, p[6] do
      redis.call('XADD', KEYS[5], '*', 'f', 1, 'lane', ARGV[p[3]], 'seq', ARGV[p[3] + 6 + 2 * i],
        'code', ARGV[p[3] + 7 + 2 * i], 't', now, 'e', p[7][i])
    end
    if p[4] > 0 then
      redis.call('XTRIM', p[1], 'MINID', (p[4] + 1) .. '-0')
      redis.call('HSET', p[2], 'settled', p[4])
      if p[5] > 0 then redis.call('HINCRBY', p[2], 'delivered', p[5]) end
      if p[6] > 0 then redis.call('HINCRBY', p[2], 'dead', p[6]) end
      redis.call('HINCRBY', p[2], 'bytes', -tonumber(ARGV[p[3] + 4]))
    end
  end
  appendPage(KEYS[1], KEYS[2], KEYS[3], tonumber(ARGV[1]), ARGV[3], ARGV[4], ARGV[5], 'OK')
  if ARGV[7] ~= '' then redis.call('SET', KEYS[6], ARGV[7]) end
end

local reply = {'OK', outcome}
for lane = 1, lanes do
  local p = plan[lane]
  local waiting = -1
  local taken = {}
  local count = 0
  if p[9] then
    redis.call('HSET', p[2], 'until', now + tonumber(ARGV[8]))
    waiting = redis.call('XLEN', p[1])
    if waiting == 0 then redis.call('SREM', KEYS[4], ARGV[p[3]]) end
    count = tonumber(ARGV[p[3] + 6])
  end
  if count > 0 and waiting > 0 then
    local entries = redis.call('XRANGE', p[1], '(' .. ARGV[p[3] + 5] .. '-0', '+', 'COUNT', count)
    for i = 1, #entries do
      taken[2 * i - 1] = tonumber(string.match(entries[i][1], '^%d+'))
      taken[2 * i] = entries[i][2][2]
    end
    if #entries > 0 and taken[2 * #entries - 1] > p[8] then
      redis.call('HSET', p[2], 'handed', taken[2 * #entries - 1])
    end
  end
  reply[1 + 2 * lane] = waiting
  reply[2 + 2 * lane] = taken
end
return reply
`;

/**
 * The recorder confirms what is on disk and is seen alive. KEYS 1 audit stream  2 audit meta
 * ARGV 1 token  2 lease ms  3 last confirmed stream id or empty  4 bytes of the confirmed pages and journals
 * The last position is kept, so a call resent after a lost reply lowers the byte count once.
 */
export const confirmScript = `#!lua flags=allow-oom
if redis.call('HGET', KEYS[2], 'token') ~= ARGV[1] then return {'FENCED'} end
local t = redis.call('TIME')
local now = tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
if ARGV[3] ~= '' and redis.call('HGET', KEYS[2], 'confirmed') ~= ARGV[3] then
  local ms, seq = string.match(ARGV[3], '^(%d+)-(%d+)$')
  if not ms then return {'SHAPE', 'id'} end
  redis.call('XTRIM', KEYS[1], 'MINID', ms .. '-' .. string.format('%.0f', tonumber(seq) + 1))
  redis.call('HINCRBY', KEYS[2], 'bytes', -tonumber(ARGV[4]))
  redis.call('HSET', KEYS[2], 'confirmed', ARGV[3])
end
redis.call('HSET', KEYS[2], 'seen', now, 'until', now + tonumber(ARGV[2]))
return {'OK'}
`;
