import { openingLua } from './opening-lua.ts';

/**
 * Puts dead letters back on their lanes as new deliveries (design 5.7), each batch in one step with the page that says so.
 *
 * KEYS  1-9 as in the settle script   10 dead stream   then for each lane: its meta, a stream for each class
 * ARGV  1-5, 7 as in the settle script; 6 and 8 unused   9 lane hold, ms   10 letters   11 lanes   12 letters that are copies of one
 *       that goes back and have no entry
 *       then the ids of the letters in the dead stream   then the lanes as in the settle script's notices
 * Replies: OK   STALE: a letter is no longer there   GAP, n, head   SHAPE, what
 */
export const redriveScript = `#!lua flags=allow-oom
${openingLua}
if #ARGV < 12 or not allWhole(1, 1) or not allWhole(9, 12) then return {'SHAPE', 'numbers'} end
if ARGV[4] == '' then return {'SHAPE', 'page'} end
local now = nowMs()
local outcome, no = checkPage(true)
if not outcome then return no end
if outcome == 'STORED' then return {'OK'} end
local letters, lanes = tonumber(ARGV[10]), tonumber(ARGV[11])
local named = {}
for i = 13, 12 + letters do
  if not ARGV[i] or named[ARGV[i]] or not string.match(ARGV[i], '^%d+-%d+$') then return {'SHAPE', 'letter'} end
  named[ARGV[i]] = true
  if #redis.call('XRANGE', KEYS[10], ARGV[i], ARGV[i]) == 0 then return {'STALE'} end
end
local plans, next, lastKey = readNotices(13 + letters, lanes, 11)
if not plans then return {'SHAPE', next} end
if next ~= #ARGV + 1 or (lastKey or 11) ~= #KEYS + 1 then return {'SHAPE', 'arguments'} end
local count = 0
for i = 1, #plans do count = count + plans[i].count end
if count ~= letters - tonumber(ARGV[12]) then return {'SHAPE', 'counts'} end
addAll(plans, now, tonumber(ARGV[9]))
for i = 13, 12 + letters do redis.call('XDEL', KEYS[10], ARGV[i]) end
writePage()
return {'OK'}
`;
