import { appendCheckLua, appendWriteLua } from './append-lua.ts';
import { bodyLua, laneLua } from './lane-lua.ts';

/** What settle, sweep and redrive have in common: they write a page, and may put entries on lanes. */
export const openingLua = `
${appendCheckLua}
${appendWriteLua}
${laneLua}
${bodyLua}
-- Phase one of the page and of the keys every call has: the outcome so far, or a reply.
local function checkPage(withPage)
  local outcome = 'OK'
  if withPage then
    if #ARGV[2] ~= 64 or #ARGV[3] ~= 64 then return nil, {'SHAPE', 'page'} end
    local state, a, b = writerState(KEYS[1], tonumber(ARGV[1]), ARGV[2], ARGV[3])
    if state == 'GAP' then return nil, {'GAP', a, b} end
    if state == 'STORED' then outcome = 'STORED' end
    redis.call('XLEN', KEYS[2])
    if not counter(redis.call('HGET', KEYS[3], 'bytes')) then return nil, {'SHAPE', 'audit counters'} end
    if ARGV[7] ~= '' then redis.call('STRLEN', KEYS[9]) end
  end
  redis.call('SCARD', KEYS[4])
  redis.call('SCARD', KEYS[5])
  redis.call('ZCARD', KEYS[6])
  redis.call('XLEN', KEYS[7])
  redis.call('XLEN', KEYS[8])
  return outcome
end
local function addAll(plans, now, holdMs)
  for i = 1, #plans do
    local p = plans[i]
    addGroups(p.name, p.metaKey, p, now, holdMs,
      {due = KEYS[6], ready = KEYS[4], lanes = KEYS[5], bell = bellKey(p.bell, KEYS[7], KEYS[8])})
  end
end
local function writePage()
  appendPage(KEYS[1], KEYS[2], KEYS[3], tonumber(ARGV[1]), ARGV[3], ARGV[4], ARGV[5], 'OK')
  if ARGV[7] ~= '' then redis.call('SET', KEYS[9], ARGV[7]) end
end
`;
