/**
 * The compare-and-append step that every writing script shares (design 5.2): the writer record (n, head) is
 * compared with the call's (n, previous head) before anything is written. Equal: the page may be appended.
 * Already stored: the stored reply is returned, so a resent call changes nothing. Else GAP.
 *
 * It is the one piece of Lua used by all scripts that write, so chain, order and replay-safety
 * cannot drift apart between gateway and courier.
 */
export const appendCheckLua = `
local ZERO = string.rep('0', 64)
local function writerState(key, n, prev, head)
  local w = redis.call('HMGET', key, 'n', 'head', 'reply')
  local wn = tonumber(w[1] or '0')
  local whead = w[2] or ZERO
  if wn == n and whead == head then return 'STORED', w[3] end
  if wn ~= n - 1 or whead ~= prev then return 'GAP', wn, whead end
  return 'NEXT'
end
local function nowMs()
  local t = redis.call('TIME')
  return tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
end
-- A counter as Redis itself will read it when it adds to it, or nil: HINCRBY on anything else fails half-way.
local function counter(text)
  if not text then return 0 end
  if #text > 15 or not string.match(text, '^%-?%d+$') then return nil end
  return tonumber(text)
end
local function allWhole(from, to)
  for i = from, to do
    if not ARGV[i] or #ARGV[i] > 15 or not string.match(ARGV[i], '^%d+$') then return false end
  end
  return true
end
`;

/** Second phase: nothing in here may fail. The record lives a week past its last write, long enough for a successor to name it. */
export const appendWriteLua = `
local function appendPage(writerKey, auditKey, metaKey, n, head, page, journal, reply)
  redis.call('XADD', auditKey, '*', 'p', page, 'j', journal)
  redis.call('HINCRBY', metaKey, 'bytes', #page + #journal)
  redis.call('HSET', writerKey, 'n', n, 'head', head, 'reply', reply)
  redis.call('PEXPIRE', writerKey, 604800000)
end
`;
