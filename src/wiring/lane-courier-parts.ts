import type { AuditRecord } from '../audit/records.ts';
import type { Config } from '../config/config.ts';
import type { TopicSender } from '../deliver/deliver.ts';
import type { OwnedLanes } from '../queue/queue.ts';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { ParcelMaker } from './parcel.ts';

export type LaneCourierParts = {
  readonly lane: string;
  readonly lanes: OwnedLanes<AuditRecord>;
  readonly sender: TopicSender;
  readonly parcels: ParcelMaker;
  readonly config: Config;
  readonly log: Log;
  readonly metrics: Metrics;
};
