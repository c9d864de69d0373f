/**
 * Putting entries on lanes, as accept, settle (notices to senders), expire and redrive all do it. Lane meta fields: in, delivered, dead,
 * expired, sentUnconfirmed, divertedOut, bytes; owner, token, until (lease end, Redis ms); and for each class c: n<c> (laneSeq the next
 * entry gets), s<c> (last laneSeq settled), h<c> (last laneSeq given to an owner), g<c> (entries above s<c> that a sweep took).
 *
 * An entry has two fields: e, its bytes, and its deadline in Redis ms: x when it is the lane's own, d when it is nearer and so in the due
 * set as well.
 */
export const laneLua = `
local COUNTS = {'in', 'delivered', 'dead', 'expired', 'sentUnconfirmed', 'divertedOut', 'bytes'}
-- Counters of a lane with its waiting messages, or nil when one of them is no counter.
local function laneCounts(metaKey)
  local m = redis.call('HMGET', metaKey, unpack(COUNTS))
  local c = {}
  for i = 1, 7 do
    c[i] = counter(m[i])
    if not c[i] then return nil end
  end
  return {known = m[1], bytes = c[7], waiting = c[1] - c[2] - c[3] - c[4] - c[5] - c[6]}
end
local function lastId(stream)
  if redis.call('EXISTS', stream) == 0 then return 0 end
  local info = redis.call('XINFO', 'STREAM', stream)
  for i = 1, #info, 2 do
    if info[i] == 'last-generated-id' then return tonumber(string.match(info[i + 1], '^%d+')) end
  end
end
local function lastHeld(stream)
  local last = redis.call('XREVRANGE', stream, '+', '-', 'COUNT', 1)
  return last[1] and tonumber(string.match(last[1][1], '^%d+')) or 0
end
-- Reads groups of entries for one lane: class, count, then count times (time to live in ms or 0, entry).
-- Answers the plan and where ARGV goes on, or nil and what is wrong. Writes nothing.
local function readGroups(metaKey, at, groups, firstKey)
  local plan = {}
  local count, bytes = 0, 0
  -- A lane with nothing for it would be announced as ready while it is empty.
  if groups < 1 then return nil, 'group' end
  for g = 1, groups do
    if not allWhole(at, at + 1) then return nil, 'group' end
    local class, many = ARGV[at], tonumber(ARGV[at + 1])
    local streamKey = KEYS[firstKey + g - 1]
    if not streamKey or many < 1 or at + 1 + 2 * many > #ARGV then return nil, 'group' end
    if not string.match(class, '^[0-6]$') then return nil, 'class' end
    for i = 1, g - 1 do if plan[i].streamKey == streamKey then return nil, 'class twice' end end
    for i = 1, many do
      if not allWhole(at + 2 * i, at + 2 * i) or #ARGV[at + 1 + 2 * i] == 0 then return nil, 'entry' end
      bytes = bytes + #ARGV[at + 1 + 2 * i]
    end
    local m = redis.call('HMGET', metaKey, 'n' .. class, 'h' .. class, 'g' .. class)
    local first = counter(m[1] or '1')
    if not first or not counter(m[2]) or not counter(m[3]) then return nil, 'lane counters' end
    -- XADD refuses a laneSeq that is not above the last one, an entry taken off since included: found here, not half-way.
    if lastId(streamKey) >= first then return nil, 'lane numbering' end
    plan[g] = {class = class, at = at, many = many, streamKey = streamKey}
    count = count + many
    at = at + 2 + 2 * many
  end
  plan.count, plan.bytes = count, bytes
  return plan, at
end
-- One command for many values; Lua can pass some thousands at once.
local function manyAtOnce(command, key, values)
  for i = 1, #values, 1000 do redis.call(command, key, unpack(values, i, math.min(i + 999, #values))) end
end
-- Second phase: nothing in here may fail.
local function addGroups(name, metaKey, plan, now, holdMs, keys)
  local added = {}
  for g = 1, #plan do
    local p = plan[g]
    local m = redis.call('HMGET', metaKey, 'n' .. p.class, 'h' .. p.class, 'g' .. p.class)
    local seq, handed, gone = tonumber(m[1] or '1'), tonumber(m[2] or '0'), tonumber(m[3] or '0')
    added[g] = seq
    -- Everything before is in its owner's hands, or a sweep took it, or never was anything: the owner must hear of this.
    -- The stream is asked only where so many were taken that it may be so.
    local isRing = handed >= seq - 1 or (handed + gone >= seq - 1 and lastHeld(p.streamKey) <= handed)
    local due, prefix = {}, name .. ' ' .. p.class .. ' '
    for i = 1, p.many do
      local ttl = tonumber(ARGV[p.at + 2 * i])
      local deadline, field = now + holdMs, 'x'
      if ttl > 0 and ttl < holdMs then
        deadline, field = now + ttl, 'd'
        due[#due + 1] = deadline
        due[#due + 1] = prefix .. seq
      end
      redis.call('XADD', p.streamKey, seq .. '-0', 'e', ARGV[p.at + 1 + 2 * i], field, deadline)
      seq = seq + 1
    end
    manyAtOnce('ZADD', keys.due, due)
    redis.call('HSET', metaKey, 'n' .. p.class, seq)
    if isRing then redis.call('XADD', keys.bell, 'MAXLEN', '~', 1024, '*', 'l', name, 'c', p.class) end
  end
  redis.call('HINCRBY', metaKey, 'in', plan.count)
  redis.call('HINCRBY', metaKey, 'bytes', plan.bytes)
  redis.call('SADD', keys.ready, name)
  redis.call('SADD', keys.lanes, name)
  return added
end
-- Reads lanes that get notices: name, bell, groups, then the groups. Keys: meta, then a stream a group.
local function readNotices(at, lanes, firstKey)
  local plans = {}
  for i = 1, lanes do
    if not allWhole(at + 1, at + 2) then return nil, 'notice' end
    local metaKey, groups = KEYS[firstKey], tonumber(ARGV[at + 2])
    if not metaKey or not laneCounts(metaKey) then return nil, 'lane counters' end
    local plan, next = readGroups(metaKey, at + 3, groups, firstKey + 1)
    if not plan then return nil, next end
    plan.name, plan.bell, plan.metaKey = ARGV[at], ARGV[at + 1], metaKey
    plans[i] = plan
    firstKey = firstKey + 1 + groups
    at = next
  end
  return plans, at, firstKey
end
local function bellKey(bell, courier, gateway)
  if bell == '1' then return gateway end
  return courier
end
`;

/** Bodies that several deliveries share: counted down by whatever takes a delivery off for good, gone with the last one. */
export const bodyLua = `
-- Arguments: how many references each body loses. Answers where ARGV goes on, or nil.
local function checkBodies(at, many, firstKey)
  for i = 1, many do
    if not KEYS[firstKey + i - 1] or not allWhole(at + i - 1, at + i - 1) then return nil end
    if not counter(redis.call('HGET', KEYS[firstKey + i - 1], 'n')) then return nil end
  end
  return at + many
end
local function lowerBodies(at, many, firstKey)
  for i = 1, many do
    local key = KEYS[firstKey + i - 1]
    if redis.call('HINCRBY', key, 'n', -tonumber(ARGV[at + i - 1])) <= 0 then redis.call('DEL', key) end
  end
end
`;
