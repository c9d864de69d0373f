/**
 * Scripts of leases (design 5.5). A stale owner gets FENCED and nothing is written. All carry `allow-oom`: a full Redis must still be
 * able to drain.
 */

/**
 * Claim. KEYS 1 meta; ARGV 1 owner, 2 lease ms, 3 margin ms.
 * Replies: OK, token, now, then for each class settled, handed | HELD, ms until it may be claimed. A live owner keeps its lane until the
 * lease and the margin have passed, even if the claimant bears its name: the old process may only be slow.
 */
export const claimScript = `#!lua flags=allow-oom
local t = redis.call('TIME')
local now = tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
local m = redis.call('HMGET', KEYS[1], 'owner', 'until', 'token',
  's0', 'h0', 's1', 'h1', 's2', 'h2', 's3', 'h3', 's4', 'h4', 's5', 'h5', 's6', 'h6')
local free = tonumber(m[2] or '0') + tonumber(ARGV[3])
if m[1] and m[1] ~= '' and free > now then return {'HELD', free - now} end
local token = tonumber(m[3] or '0') + 1
redis.call('HSET', KEYS[1], 'owner', ARGV[1], 'token', token, 'until', now + tonumber(ARGV[2]))
local reply = {'OK', token, now}
for i = 4, 17 do reply[i] = tonumber(m[i] or '0') end
return reply
`;

/**
 * Renew the leases of any number of lanes. KEYS metas; ARGV 1 lease ms, then a token a lane.
 * Replies: OK, now, indexes from 0 of lanes that were lost.
 */
export const renewScript = `#!lua flags=allow-oom
local t = redis.call('TIME')
local now = tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
local reply = {'OK', now}
for i = 1, #KEYS do
  if redis.call('HGET', KEYS[i], 'token') == ARGV[i + 1] then
    redis.call('HSET', KEYS[i], 'until', now + tonumber(ARGV[1]))
  else
    reply[#reply + 1] = i - 1
  end
end
return reply
`;

/**
 * Give a lane back. KEYS 1 meta; ARGV 1 token, then class and the last laneSeq that may have reached anybody: what was handed out and
 * stayed in our hands is no possible repeat for the next owner. Replies OK | FENCED.
 */
export const releaseScript = `#!lua flags=allow-oom
if redis.call('HGET', KEYS[1], 'token') ~= ARGV[1] then return {'FENCED'} end
for i = 2, #ARGV - 1, 2 do
  local handed = tonumber(redis.call('HGET', KEYS[1], 'h' .. ARGV[i]) or '0')
  local settled = tonumber(redis.call('HGET', KEYS[1], 's' .. ARGV[i]) or '0')
  local sent = math.max(tonumber(ARGV[i + 1]), settled)
  if sent < handed then redis.call('HSET', KEYS[1], 'h' .. ARGV[i], sent) end
end
redis.call('HSET', KEYS[1], 'owner', '', 'until', 0)
return {'OK'}
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
