import { z } from 'zod';
import { Fault } from '../message/codes.ts';

/** Digits only: a coerced empty text would be 0, and a limit of 0 is not what an empty line in a file meant. */
const integer = (fallback: number, min: number, max: number) =>
  z
    .string()
    .regex(/^\d{1,15}$/)
    .transform(Number)
    .pipe(z.number().int().min(min).max(max))
    .default(fallback);
const KiB = 1024;
const MiB = 1024 * KiB;

/**
 * Every process setting: environment name, bounds, default, and why it is what it is. Times are milliseconds, sizes bytes.
 * Secrets are never in the environment, only paths to files that hold them. `docs/settings.md` is written from this table.
 */
const settings = {
  REDIS_URL: z.string().default('redis://127.0.0.1:6379').describe('Redis of the slot'),
  REDIS_PASSWORD_FILE: z
    .string()
    .default('')
    .describe('file that holds the password of that Redis; empty: none but what the address says'),
  SLOT: z
    .string()
    .regex(/^[a-z0-9]{1,16}$/)
    .default('s0')
    .describe('hash tag all keys of this deployment share'),
  INSTANCE: z
    .string()
    .regex(/^[a-z0-9-]{1,40}$/)
    .default('one')
    .describe('place this process fills, life after life; with the role it names the chain predecessor'),
  DURABILITY: z
    .enum(['fsync', 'everysec'])
    .default('fsync')
    .describe('what an acknowledgement promises; start refuses a level the server does not confirm'),
  DIRECTORY: z.string().default('examples/county-099/directory').describe('folder of the directory files'),
  PROTOCOLS: z.string().default('protocols').describe('folder of the dialects'),
  KEYS: z
    .string()
    .default('.tenfour/keys')
    .describe('folder of storage.json, bus.json and the audit signing key'),
  BUS_FILE: z
    .string()
    .default('.tenfour/bus-connection')
    .describe('file that holds the Service Bus connection string; read again when the bus refuses us'),
  BUS_NAMESPACE: z
    .string()
    .regex(/^[A-Za-z0-9.-]{0,253}$/)
    .default('')
    .describe(
      'full host name of the namespace, for access by an identity; empty: by the connection string in that file',
    ),
  BUS_IDENTITY: z
    .enum(['default', 'managed', 'workload'])
    .default('default')
    .describe('whose identity: of the machine, of the pod, or whichever Azure’s own order of search finds'),
  BUS_CLIENT_ID: z
    .string()
    .regex(/^[A-Za-z0-9-]{0,64}$/)
    .default('')
    .describe('client id of a user-assigned identity; empty: the one there is'),
  BUS_CLOUD: z
    .enum(['commercial', 'government'])
    .default('commercial')
    .describe('whose log-on service gives the tokens: login.microsoftonline.com or .us'),
  BUS_TRANSPORT: z
    .enum(['tcp', 'websocket'])
    .default('tcp')
    .describe('AMQP over port 5671, or inside WebSockets over 443 where only HTTPS goes out'),
  BUS_PROXY: z
    .string()
    .regex(/^(?:https?:\/\/[A-Za-z0-9.:[\]-]{1,260}\/?)?$/)
    .default('')
    .describe('http(s) address of the proxy WebSockets go through; a password in it is refused'),
  BUS_ENDPOINT: z
    .string()
    .regex(/^(?:sb:\/\/[A-Za-z0-9.:[\]-]{1,260}\/?)?$/)
    .default('')
    .describe('sb://host:port to dial instead of the namespace’s own address (private link); empty: its own'),
  TOPOLOGY: z
    .string()
    .default('')
    .describe(
      'file that `tenfour bus apply` wrote, for gateway and courier; empty: each derives the topology from its directory and trusts that it was applied',
    ),
  RECORD: z.string().default('.tenfour/record').describe('folder the recorder writes segments to'),
  OPS_PORT: integer(0, 0, 65535).describe('port of /metrics, /livez, /readyz; 0 takes a free one'),
  OPS_HOST: z.string().default('127.0.0.1').describe('address of the operations end points'),
  BOARD_PORT: integer(8470, 0, 65535).describe('port of the status page; 0 takes a free one'),
  BOARD_HOST: z
    .string()
    .default('127.0.0.1')
    .describe('address of the status page; refused when it is not loopback, for there is no log-on yet'),
  LOG_LEVEL: z
    .enum(['debug', 'info', 'warn', 'error'])
    .default('info')
    .describe('pino level; nothing is logged on normal passage at any level'),
  LINES: z
    .string()
    .default('')
    .describe('comma-separated names of the lines this gateway serves; empty serves all'),
  LINE_HOST: z
    .string()
    .max(253)
    .default('')
    .describe(
      'address every line listens on, whatever the directory says: 0.0.0.0 in a container; empty leaves it to the directory',
    ),
  BATCH_MESSAGES_MAX: integer(256, 1, 4096).describe(
    'messages in one accept call; above 256 the call itself takes too long',
  ),
  BATCH_BYTES_MAX: integer(MiB, KiB, 16 * MiB).describe('message bytes in one accept call'),
  UNACCEPTED_MESSAGES_MAX: integer(4096, 1, 65536).describe(
    'messages read but not yet accepted, all lines of a gateway',
  ),
  UNACCEPTED_BYTES_MAX: integer(8 * MiB, 64 * KiB, 256 * MiB).describe(
    'bytes read but not yet accepted, all lines of a gateway',
  ),
  LANE_MESSAGES_MAX: integer(2_000_000, 1, 100_000_000).describe('messages one lane may hold'),
  LANE_HOLD_MS: integer(86_400_000, 1000, 30 * 86_400_000).describe(
    'how long a lane holds a message whose key says nothing else (domain sheet 11: 24 h); then it is expired and its sender told',
  ),
  EXPIRY_MS: integer(1000, 100, 60_000).describe('how often messages past their own deadline are looked for'),
  SWEEP_MS: integer(30_000, 100, 600_000).describe(
    'how often everything timed is made good from the streams: holds that ran out, timers that were lost',
  ),
  STATION_TAKE_MAX: integer(32, 1, 1024).describe(
    'messages of a class taken at once for one station; twice as many are held in memory',
  ),
  COPY_BYTES_MAX: integer(4 * KiB, 0, MiB).describe(
    'sealed body up to which each delivery carries a copy; above it is stored once for all',
  ),
  COPIES_MAX: integer(16, 1, 1000).describe('deliveries of one message up to which each carries a copy'),
  RESEND_WINDOW_MS: integer(600_000, 1000, 86_400_000).describe(
    'how long a control field is remembered, so that a resent message is answered and not forwarded',
  ),
  RESENDS_PER_STATION_MAX: integer(20_000, 0, 10_000_000).describe(
    'control fields remembered of one station in that time; past it they are counted, and a resend is forwarded; 0 remembers none',
  ),
  LANE_BYTES_MAX: integer(2048 * MiB, KiB, 1024 * 1024 * MiB).describe('bytes one lane may hold'),
  AUDIT_PAGES_MAX: integer(200_000, 1, 10_000_000).describe(
    'pages not yet on the recorder’s disk; past it nothing is accepted',
  ),
  AUDIT_BYTES_MAX: integer(1024 * MiB, KiB, 1024 * 1024 * MiB).describe('bytes of those pages'),
  RECORDER_SILENCE_MS_MAX: integer(60_000, 500, 3_600_000).describe(
    'how long the recorder may be silent before nothing is accepted',
  ),
  REDIS_MEMORY_BYTES_MAX: integer(0, 0, 1024 * 1024 * MiB).describe(
    'memory the soft limits count against when the server has no maxmemory; 0: no soft limits then',
  ),
  ATTEMPT_TIMEOUT_MS: integer(3000, 50, 60_000).describe(
    'wait for one Redis reply before the same bytes are sent on a new connection',
  ),
  LEASE_MS: integer(6000, 300, 120_000).describe('a lane owner’s lease; take-over waits this and the margin'),
  LEASE_MARGIN_MS: integer(1000, 0, 60_000).describe('what a successor waits beyond the lease'),
  DEAD_MAX: integer(100_000, 1, 10_000_000).describe('dead letters kept; past it the lane holds instead'),
  TAKE_MESSAGES_MAX: integer(768, 1, 4096).describe('messages of one bus batch'),
  BUS_TIMEOUT_MS: integer(5000, 100, 60_000).describe('wait for the bus to settle one batch'),
  BUS_BATCH_BYTES_MAX: integer(1_000_000, KiB, MiB).describe(
    'bytes of one bus batch where the link takes more (Standard tier 256 KiB); Premium takes 1 MB whatever its link says',
  ),
  BUS_SENDS_MAX: integer(256, 1, 2000).describe(
    'batches out to the bus at once, all topics together; the SDK stalls above 2048 on one link',
  ),
  BUS_THROTTLE_MS: integer(10_000, 10, 600_000).describe(
    'pause of a lane when the bus says it is busy and does not name the seconds (1 to 60) itself',
  ),
  BUS_CIRCUIT_FAILURES: integer(3, 1, 100).describe(
    'failed sends in a row that open a topic’s circuit: then one message is tried, not a batch',
  ),
  BUS_LINK_IDLE_MS: integer(240_000, 100, 600_000).describe(
    'a link nobody used for so long is made anew before it is used; the service detaches one after ten minutes',
  ),
  HOLD_BACKOFF_MS_MAX: integer(5000, 10, 600_000).describe('longest pause of a lane that holds'),
  UNKNOWN_TRIES_MAX: integer(5, 1, 100).describe(
    'tries of a message the bus fails for no known reason, before the next one is probed',
  ),
  UNKNOWN_TRIES_MS: integer(60_000, 100, 600_000).describe('time those tries are spread over'),
  COLLECT_ROUND_MS: integer(30_000, 200, 86_400_000).describe(
    'how often every dead-letter queue on the bus is looked into; a round over many takes as long as it takes',
  ),
  COLLECT_VISITORS_MAX: integer(8, 1, 256).describe(
    'dead-letter queues looked into at the same time, so receiving links at the same time',
  ),
  COLLECT_WAIT_MS: integer(500, 50, 10_000).describe(
    'how long such a queue must give nothing to be taken for empty: 2,000 of them at 8 at a time take some two minutes',
  ),
  COLLECT_REMEMBER_MS: integer(86_400_000, 60_000, 30 * 86_400_000).describe(
    'how long at least what came back is remembered, so that it makes one dead letter and one notice',
  ),
  COLLECT_REMEMBER_MAX: integer(200_000, 1000, 10_000_000).describe(
    'names remembered in such a time; past it the rest is left on the bus; about 100 bytes each',
  ),
  SAMPLE: z
    .enum(['off', 'on'])
    .default('off')
    .describe(
      'whether the courier reads the `all` subscription of each topic to its end and compares it with what it sent; goes with `allTimeToLiveSeconds` in topics.json, and nothing else may read `all` then',
    ),
  SAMPLE_MS: integer(5000, 200, 600_000).describe('how often it is read'),
  SAMPLE_GRACE_MS: integer(30_000, 100, 3_600_000).describe(
    'how long a number may be missing there before it counts as missing; at least as long as `all` keeps a message locked',
  ),
  SAMPLE_RECORD_MS: integer(60_000, 200, 3_600_000).describe(
    'how often what was seen there is put on the audit record',
  ),
  HEAD_MS: integer(60_000, 100, 3_600_000).describe('how often a writer signs the head of its chain'),
  SEGMENT_BYTES_MAX: integer(64 * MiB, 4 * KiB, 4096 * MiB).describe(
    'size at which the recorder starts a new segment',
  ),
  DRAIN_MS_MAX: integer(20_000, 100, 600_000).describe(
    'SIGTERM: how long open work may take before the process ends anyway',
  ),
  REFUSALS_PER_SECOND_MAX: integer(20, 1, 100_000).describe(
    'refusals of one line and code audited singly; above it they are counted',
  ),
};

const PREFIX = 'TENFOUR_';
const schema = z.object(settings);
export type Config = Readonly<z.infer<typeof schema>>;

/** Names, bounds, defaults and reasons, for the documentation and for `doctor`. */
export const settingRows = (): readonly {
  name: string;
  bounds: string;
  reason: string;
  fallback: string;
}[] =>
  Object.entries(settings).map(([name, rule]) => ({
    name: PREFIX + name,
    bounds: boundsOf(rule),
    reason: rule.description ?? '',
    fallback: String(rule.parse(undefined)),
  }));

const boundsOf = (rule: z.ZodType): string => {
  const { minimum, maximum, enum: words, pattern } = z.toJSONSchema(rule);
  if (minimum !== undefined && maximum !== undefined) return `${String(minimum)} to ${String(maximum)}`;
  return words?.map(String).join(', ') ?? pattern ?? 'text';
};

/**
 * Reads the settings once, at start. An unknown name with our prefix refuses to start: a mistyped limit must not silently be the
 * default. Error texts name the setting, never its value.
 */
export const loadConfig = (env: Readonly<Record<string, string | undefined>>): Config => {
  const given: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) {
    if (!name.startsWith(PREFIX) || value === undefined) continue;
    const short = name.slice(PREFIX.length);
    if (!Object.hasOwn(settings, short)) throw new Fault('CONFIG_INVALID', `${name} is not a setting`);
    given[short] = value;
  }
  const parsed = schema.safeParse(given);
  if (!parsed.success) {
    const names = parsed.error.issues.map((issue) => `${PREFIX}${issue.path.map(String).join('.')}`);
    throw new Fault('CONFIG_INVALID', `out of bounds: ${names.join(', ')}`);
  }
  return Object.freeze(parsed.data);
};
