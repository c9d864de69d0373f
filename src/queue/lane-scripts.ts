import { openingLua } from './opening-lua.ts';

/**
 * Settle prefixes of any number of owned lanes and take what comes next, in one round trip (design 5.1 for the way back:
 * one call in flight per writer). Either every lane of the call passes its checks or nothing is written. It compares the fencing token
 * first (design 5.5) and carries `allow-oom`: a full Redis must still be able to drain (5.9).
 *
 * KEYS  1 writer record  2 audit stream  3 audit meta  4 ready set  5 lanes set  6 due set  7 courier bell  8 gateway bell
 *       9 instance  10 dead stream
 *       then for each lane: its meta, a stream for each class of the call
 *       then shared bodies   then for each lane that gets notices: its meta, a stream for each class
 * ARGV  1 n   2 previous head   3 head   4 page, empty: nothing to settle   5 journal   6 dead stream max
 *       7 writer id when the page opens a chain, else empty   8 lease ms   9 lane hold, ms   10 lanes   11 bodies   12 notice lanes
 *       then for each lane: name, token, bytes settled, groups, and for each group: class, settle up to this laneSeq (0: nothing),
 *         delivered, sent unconfirmed, expired, gone (expired by a sweep before), take after this laneSeq, take count (0: none),
 *         dead count, due count, then for each dead one: laneSeq, code, then laneSeqs that had a deadline of their own
 *       then a count a body   then for each notice lane: name, bell, groups, the groups as in the accept script
 *
 * Replies: OK, 'OK'|'STORED', now, then for each lane: waiting, {class, laneSeq, deadline, 1 when it is due, entry, ...}
 *          FENCED, lane indexes from 0 ...   GAP, n, head   DEAD_FULL   SHAPE, what
 * A resent call that was already stored skips the writes and takes again, which changes nothing. Its page counts, so a lane
 * lost meanwhile does not undo it: that lane's waiting is -1.
 */
export const settleScript = `#!lua flags=allow-oom
${openingLua}
if #ARGV < 12 or not allWhole(1, 1) or not allWhole(6, 6) or not allWhole(8, 12) then return {'SHAPE', 'numbers'} end
local now = nowMs()
local withPage = ARGV[4] ~= ''
local outcome, no = checkPage(withPage)
if not outcome then return no end
local lanes, bodies, noticeLanes = tonumber(ARGV[10]), tonumber(ARGV[11]), tonumber(ARGV[12])

local at, key = 13, 11
local plan, fenced, deadTotal, seen = {}, {'FENCED'}, 0, {}
for lane = 1, lanes do
  if not KEYS[key] or not allWhole(at + 1, at + 3) then return {'SHAPE', 'lane'} end
  local metaKey, groups = KEYS[key], tonumber(ARGV[at + 3])
  if seen[metaKey] then return {'SHAPE', 'lane twice'} end
  seen[metaKey] = true
  if not laneCounts(metaKey) then return {'SHAPE', 'lane counters'} end
  local isOurs = redis.call('HGET', metaKey, 'token') == ARGV[at + 1]
  if not isOurs then fenced[#fenced + 1] = lane - 1 end
  local p = {metaKey = metaKey, name = ARGV[at], bytes = ARGV[at + 2], isOurs = isOurs, groups = {}}
  at, key = at + 4, key + 1
  for g = 1, groups do
    local streamKey = KEYS[key]
    if not streamKey or not allWhole(at, at + 9) then return {'SHAPE', 'group'} end
    if seen[streamKey] then return {'SHAPE', 'class twice'} end
    seen[streamKey] = true
    local class, upTo, delivered, sent = ARGV[at], tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3])
    local expired, gone = tonumber(ARGV[at + 4]), tonumber(ARGV[at + 5])
    local deadCount, dueCount = tonumber(ARGV[at + 8]), tonumber(ARGV[at + 9])
    if at + 9 + 2 * deadCount + dueCount > #ARGV then return {'SHAPE', 'group'} end
    local m = redis.call('HMGET', metaKey, 's' .. class, 'h' .. class, 'g' .. class)
    local settled, handed, goneBefore = counter(m[1]), counter(m[2]), counter(m[3])
    if not settled or not handed or not goneBefore then return {'SHAPE', 'lane counters'} end
    redis.call('XLEN', streamKey)
    local dead = {}
    if outcome == 'OK' and isOurs then
      local off = delivered + sent + expired + deadCount
      if upTo == 0 and off + gone > 0 then return {'SHAPE', 'counts'} end
      if upTo > 0 and (not withPage or upTo - settled ~= off + gone or gone > goneBefore) then return {'SHAPE', 'counts'} end
      if upTo > handed then return {'SHAPE', 'not handed out'} end
      -- An entry that a sweep expired cannot be settled as something else; looked at only where there are such.
      if upTo > 0 and goneBefore > 0 and #redis.call('XRANGE', streamKey, '-', upTo .. '-0') ~= off then
        return {'SHAPE', 'counts'}
      end
      local before = settled
      for i = 1, deadCount do
        local seqText = ARGV[at + 8 + 2 * i]
        local seq = counter(seqText)
        -- Each once and in order: a repeated one would balance the counters while another entry vanishes.
        if not seq or seq <= before or seq > upTo then return {'SHAPE', 'dead entry'} end
        local found = redis.call('XRANGE', streamKey, seqText .. '-0', seqText .. '-0')
        if not found[1] then return {'SHAPE', 'dead entry'} end
        dead[i] = found[1][2][2]
        before = seq
      end
      if not allWhole(at + 10 + 2 * deadCount, at + 9 + 2 * deadCount + dueCount) then return {'SHAPE', 'due'} end
      deadTotal = deadTotal + deadCount
    end
    p.groups[g] = {at = at, class = class, streamKey = streamKey, upTo = upTo, delivered = delivered, sent = sent,
      expired = expired, gone = gone, dead = dead, dueCount = dueCount, handed = handed}
    at, key = at + 10 + 2 * deadCount + dueCount, key + 1
  end
  plan[lane] = p
end
local bodiesAt, bodiesKey = at, key
at = checkBodies(at, bodies, key)
if not at then return {'SHAPE', 'bodies'} end
local notices, next, lastKey = readNotices(at, noticeLanes, key + bodies)
if not notices then return {'SHAPE', next} end
if next ~= #ARGV + 1 or (lastKey or key + bodies) ~= #KEYS + 1 then return {'SHAPE', 'arguments'} end
if #fenced > 1 and outcome == 'OK' then return fenced end
if redis.call('XLEN', KEYS[10]) + deadTotal > tonumber(ARGV[6]) and deadTotal > 0 then return {'DEAD_FULL'} end

if withPage and outcome == 'OK' then
  for lane = 1, lanes do
    local p = plan[lane]
    local delivered, sent, expired, dead = 0, 0, 0, 0
    for g = 1, #p.groups do
      local q = p.groups[g]
      for i = 1, #q.dead do
        redis.call('XADD', KEYS[10], '*', 'f', 2, 'lane', p.name, 'class', q.class, 'seq', ARGV[q.at + 8 + 2 * i],
          'code', ARGV[q.at + 9 + 2 * i], 't', now, 'e', q.dead[i])
      end
      if q.upTo > 0 then
        redis.call('XTRIM', q.streamKey, 'MINID', (q.upTo + 1) .. '-0')
        redis.call('HSET', p.metaKey, 's' .. q.class, q.upTo)
        if q.gone > 0 then redis.call('HINCRBY', p.metaKey, 'g' .. q.class, -q.gone) end
      end
      local firstDue = q.at + 10 + 2 * #q.dead
      local due, prefix = {}, p.name .. ' ' .. q.class .. ' '
      for i = firstDue, firstDue + q.dueCount - 1 do due[#due + 1] = prefix .. ARGV[i] end
      manyAtOnce('ZREM', KEYS[6], due)
      delivered, sent, expired, dead = delivered + q.delivered, sent + q.sent, expired + q.expired, dead + #q.dead
    end
    if delivered > 0 then redis.call('HINCRBY', p.metaKey, 'delivered', delivered) end
    if sent > 0 then redis.call('HINCRBY', p.metaKey, 'sentUnconfirmed', sent) end
    if expired > 0 then redis.call('HINCRBY', p.metaKey, 'expired', expired) end
    if dead > 0 then redis.call('HINCRBY', p.metaKey, 'dead', dead) end
    if p.bytes ~= '0' then redis.call('HINCRBY', p.metaKey, 'bytes', -tonumber(p.bytes)) end
  end
  lowerBodies(bodiesAt, bodies, bodiesKey)
  addAll(notices, now, tonumber(ARGV[9]))
  writePage()
end

local reply = {'OK', outcome, now}
for lane = 1, lanes do
  local p = plan[lane]
  local waiting, taken = -1, {}
  if p.isOurs then
    redis.call('HSET', p.metaKey, 'until', now + tonumber(ARGV[8]))
    waiting = laneCounts(p.metaKey).waiting
    if waiting == 0 then redis.call('SREM', KEYS[4], p.name) end
    for g = 1, #p.groups do
      local q = p.groups[g]
      local count = tonumber(ARGV[q.at + 7])
      if count > 0 and waiting > 0 then
        local entries = redis.call('XRANGE', q.streamKey, '(' .. ARGV[q.at + 6] .. '-0', '+', 'COUNT', count)
        local seq = 0
        for i = 1, #entries do
          seq = tonumber(string.match(entries[i][1], '^%d+'))
          local k = #taken
          taken[k + 1] = tonumber(q.class)
          taken[k + 2] = seq
          taken[k + 3] = tonumber(entries[i][2][4] or '0')
          taken[k + 4] = entries[i][2][3] == 'd' and 1 or 0
          taken[k + 5] = entries[i][2][2]
        end
        if seq > q.handed then redis.call('HSET', p.metaKey, 'h' .. q.class, seq) end
      end
    end
  end
  reply[2 + 2 * lane] = waiting
  reply[3 + 2 * lane] = taken
end
return reply
`;

/**
 * Takes entries off lanes because their deadline has passed (design 5.15), while nobody is about to deliver them: of a lane without a live
 * owner any unsettled one, else only those its owner was not given. The deadline is judged here, by Redis' clock. An owner whose lease ran
 * out may only be slow: where one is taken that it was given, the token rises, so that it finds itself fenced before it settles that one.
 *
 * KEYS  1-9 as in the settle script
 *       then for each class of a lane: meta, stream    then shared bodies   then for each notice lane: its meta, streams
 * ARGV  1-5, 7 as in the settle script; 6 and 8 unused   9 lane hold, ms   10 classes of lanes   11 bodies   12 notice lanes
 *       then for each class of a lane: name, class, bytes, count, then the laneSeqs
 *       then a count a body   then the notice lanes
 * Replies: OK   STALE: something moved since it was read; read again   GAP, n, head   SHAPE, what
 */
export const expireScript = `#!lua flags=allow-oom
${openingLua}
if #ARGV < 12 or not allWhole(1, 1) or not allWhole(9, 12) then return {'SHAPE', 'numbers'} end
if ARGV[4] == '' then return {'SHAPE', 'page'} end
local now = nowMs()
local outcome, no = checkPage(true)
if not outcome then return no end
if outcome == 'STORED' then return {'OK'} end
local parts, bodies, noticeLanes = tonumber(ARGV[10]), tonumber(ARGV[11]), tonumber(ARGV[12])
local at, key = 13, 10
local plan, seen = {}, {}
for part = 1, parts do
  local metaKey, streamKey = KEYS[key], KEYS[key + 1]
  if not streamKey or seen[streamKey] or not allWhole(at + 1, at + 3) then return {'SHAPE', 'part'} end
  seen[streamKey] = true
  local class, count = ARGV[at + 1], tonumber(ARGV[at + 3])
  if count < 1 or at + 3 + count > #ARGV then return {'SHAPE', 'part'} end
  if not laneCounts(metaKey) then return {'SHAPE', 'lane counters'} end
  local m = redis.call('HMGET', metaKey, 's' .. class, 'h' .. class, 'g' .. class, 'owner', 'until', 'token')
  local settled, handed, token = counter(m[1]), counter(m[2]), counter(m[6])
  if not settled or not handed or not counter(m[3]) or not token then return {'SHAPE', 'lane counters'} end
  local isOwned = m[4] and m[4] ~= '' and tonumber(m[5] or '0') > now
  local before = isOwned and math.max(settled, handed) or settled
  for i = at + 4, at + 3 + count do
    local seq = counter(ARGV[i])
    if not seq or seq <= before then return {'STALE'} end
    local found = redis.call('XRANGE', streamKey, ARGV[i] .. '-0', ARGV[i] .. '-0')
    if not found[1] or tonumber(found[1][2][4] or '0') > now then return {'STALE'} end
    before = seq
  end
  plan[part] = {name = ARGV[at], class = class, bytes = ARGV[at + 2], count = count, from = at + 4, metaKey = metaKey,
    streamKey = streamKey, fence = tonumber(ARGV[at + 4]) <= handed and token + 1}
  at, key = at + 4 + count, key + 2
end
local bodiesAt, bodiesKey = at, key
at = checkBodies(at, bodies, key)
if not at then return {'SHAPE', 'bodies'} end
local notices, next, lastKey = readNotices(at, noticeLanes, key + bodies)
if not notices then return {'SHAPE', next} end
if next ~= #ARGV + 1 or (lastKey or key + bodies) ~= #KEYS + 1 then return {'SHAPE', 'arguments'} end

for part = 1, parts do
  local p = plan[part]
  for i = p.from, p.from + p.count - 1 do
    redis.call('XDEL', p.streamKey, ARGV[i] .. '-0')
    redis.call('ZREM', KEYS[6], p.name .. ' ' .. p.class .. ' ' .. ARGV[i])
  end
  redis.call('HINCRBY', p.metaKey, 'expired', p.count)
  redis.call('HINCRBY', p.metaKey, 'g' .. p.class, p.count)
  redis.call('HINCRBY', p.metaKey, 'bytes', -tonumber(p.bytes))
  if p.fence then redis.call('HSET', p.metaKey, 'token', p.fence) end
end
lowerBodies(bodiesAt, bodies, bodiesKey)
addAll(notices, now, tonumber(ARGV[9]))
writePage()
for part = 1, parts do
  if laneCounts(plan[part].metaKey).waiting == 0 then redis.call('SREM', KEYS[4], plan[part].name) end
end
return {'OK'}
`;
