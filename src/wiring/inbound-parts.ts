import type { Config } from '../config/config.ts';
import type { Dialect } from '../dialect/dialect.ts';
import type { Directory, Line } from '../directory/directory.ts';
import type { AcceptLimits, Queue } from '../queue/queue.ts';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { StationFaces } from '../route/route.ts';
import type { Reach } from '../topology/reach.ts';
import type { Fingerprints } from '../vault/fingerprints.ts';
import type { StorageVault } from '../vault/vault.ts';
import type { Stations } from './stations.ts';
import type { Writer } from './writer.ts';

export type InboundParts = {
  readonly config: Config;
  readonly directory: Directory;
  /** By line name, the dialect as it is spoken there. */
  readonly lineDialects: ReadonlyMap<string, Dialect>;
  readonly lines: readonly Line[];
  /** What the bus has subscriptions for; undefined: for everything, nobody said otherwise. */
  readonly reach?: Reach | undefined;
  /** Stations that read another face than a message has; undefined: none does. */
  readonly faces?: StationFaces | undefined;
  readonly queue: Queue;
  readonly vault: StorageVault;
  readonly fingerprints: Fingerprints;
  readonly stations: Stations;
  readonly writer: Writer;
  readonly log: Log;
  readonly metrics: Metrics;
};

export const acceptLimits = (config: Config): AcceptLimits => ({
  batchMessagesMax: config.BATCH_MESSAGES_MAX,
  batchBytesMax: config.BATCH_BYTES_MAX,
  laneMessagesMax: config.LANE_MESSAGES_MAX,
  laneBytesMax: config.LANE_BYTES_MAX,
  laneHoldMs: config.LANE_HOLD_MS,
  auditPagesMax: config.AUDIT_PAGES_MAX,
  auditBytesMax: config.AUDIT_BYTES_MAX,
  recorderSilenceMsMax: config.RECORDER_SILENCE_MS_MAX,
  resendWindowMs: config.RESEND_WINDOW_MS,
  resendsPerStationMax: config.RESENDS_PER_STATION_MAX,
});
