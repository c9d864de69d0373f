/**
 * Looks at lanes without taking part in them. KEYS: for each lane its meta and its seven streams. Replies: now, then for each lane a list
 * of eight counters (see LOOK_FIELDS), owner, until, token, seven lengths, and when the oldest waiting message was received, or 0.
 * One lane is seen at one instant, so its counters balance exactly. Writes nothing; runs when memory is full.
 */
export const LOOK_FIELDS = [
  'in',
  'delivered',
  'sentUnconfirmed',
  'dead',
  'expired',
  'divertedOut',
  'bytes',
] as const;

/** Place of the receiving time in an entry's header (src/queue/entry.ts), counted from 1. */
const RECEIVED_AT = 12;

export const lookScript = `#!lua flags=no-writes,allow-stale
local t = redis.call('TIME')
local reply = {tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)}
-- The header alone: what stands behind it is a sealed body, which nobody here needs.
local function receivedAt(entry)
  if #entry < 3 then return 0 end
  local length = string.byte(entry, 2) * 256 + string.byte(entry, 3)
  local isRead, header = pcall(cjson.decode, string.sub(entry, 4, 3 + length))
  if not isRead or type(header) ~= 'table' then return 0 end
  return tonumber(header[${String(RECEIVED_AT)}]) or 0
end
for at = 1, #KEYS, 8 do
  local lane = redis.call('HMGET', KEYS[at], ${LOOK_FIELDS.map((field) => `'${field}'`).join(', ')}, 'owner', 'until', 'token')
  local oldest = 0
  for class = 1, 7 do
    local length = redis.call('XLEN', KEYS[at + class])
    lane[#lane + 1] = length
    if length > 0 then
      local first = redis.call('XRANGE', KEYS[at + class], '-', '+', 'COUNT', 1)
      local received = first[1] and receivedAt(first[1][2][2] or '') or 0
      if received > 0 and (oldest == 0 or received < oldest) then oldest = received end
    end
  end
  lane[#lane + 1] = string.format('%.0f', oldest)
  reply[#reply + 1] = lane
end
return reply
`;
