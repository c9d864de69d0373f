/**
 * The road a message travels, in order, as data. Read by wiring, metrics, audit stamps and the import check;
 * a leaf that imports nothing. Rooms never import rooms; `pure` rooms take no clock, no I/O, no randomness.
 */
export const road = [
  { room: 'listen', door: 'listen.ts', pure: false, does: 'accepts TCP lines, pauses and drains them' },
  { room: 'frame', door: 'frame.ts', pure: true, does: 'cuts frames out of a byte stream' },
  { room: 'parse', door: 'parse.ts', pure: true, does: 'reads a frame by a dialect, with byte offsets' },
  {
    room: 'authorize',
    door: 'authorize.ts',
    pure: true,
    does: 'may this line use this ORI, key, destinations',
  },
  { room: 'validate', door: 'validate.ts', pure: true, does: 'checks fields against the message key' },
  { room: 'route', door: 'route.ts', pure: true, does: 'turns destinations into deliveries' },
  { room: 'queue', door: 'queue.ts', pure: false, does: 'makes messages durable in Redis; owns lanes' },
  {
    room: 'deliver',
    door: 'deliver.ts',
    pure: false,
    does: 'sends a lane to its topic or to a station’s line',
  },
  {
    room: 'collect',
    door: 'collect.ts',
    pure: false,
    does: 'takes back what died on the bus, and counts what arrived there',
  },
  {
    room: 'acknowledge',
    door: 'acknowledge.ts',
    pure: true,
    does: 'says on the line what became of a frame',
  },
] as const;

export type Room = (typeof road)[number]['room'];

/** Folders that are consulted, not travelled; rooms may import these and `message`. */
export const consulted = [
  'dialect',
  'directory',
  'face',
  'vault',
  'telemetry',
  'config',
  'bus',
  'topology',
] as const;
