import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

/**
 * Every metric there is, declared once. Labels are bounded sets: lines of the directory, lanes, codes, outcomes. Never a message id,
 * never an ORI or station beyond the lines this process serves, never a value.
 */
export class Metrics {
  readonly registry = new Registry();
  readonly frames = this.#counter('tenfour_frames_total', 'frames and framing faults read', [
    'line',
    'outcome',
  ]);
  readonly messages = this.#counter('tenfour_messages_total', 'messages by outcome', ['line', 'outcome']);
  readonly refusals = this.#counter('tenfour_refusals_total', 'refusals by code', ['line', 'code']);
  readonly strayBytes = this.#counter('tenfour_stray_bytes_total', 'bytes outside frames', ['line']);
  readonly keepAlives = this.#counter(
    'tenfour_keep_alives_total',
    'signs of life: frames with a length of nothing, and blocks of that type',
    ['line'],
  );
  readonly headerBytes = this.#counter('tenfour_header_bytes_total', 'bytes of headers before STX', ['line']);
  readonly sessions = this.#gauge('tenfour_sessions', 'open sessions', ['line']);
  readonly lastProgress = this.#gauge(
    'tenfour_last_progress_seconds',
    'unix time of the last frame or settlement',
    ['link'],
  );
  readonly pausedSockets = this.#gauge(
    'tenfour_paused_sockets',
    'sockets not read because of back-pressure',
    [],
  );
  readonly unaccepted = this.#gauge('tenfour_unaccepted_messages', 'messages read and not yet durable', []);
  readonly acceptSeconds = this.#histogram(
    'tenfour_accept_seconds',
    'frame read to durable',
    [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5],
  );
  readonly batchMessages = this.#histogram(
    'tenfour_accept_batch_messages',
    'messages in one accept call',
    [1, 2, 4, 8, 16, 32, 64, 128, 256],
  );
  readonly duplicates = this.#counter('tenfour_duplicates_total', 'messages that were sent before', ['line']);
  readonly notRemembered = this.#counter(
    'tenfour_control_fields_not_remembered_total',
    'control fields past a station’s limit: a resend of them is forwarded',
    [],
  );
  readonly bodiesShared = this.#counter(
    'tenfour_bodies_shared_total',
    'messages whose body was stored once for all their deliveries',
    [],
  );
  readonly timedWork = this.#gauge('tenfour_timed_work', 'timers by what became of them', ['what']);
  readonly stations = this.#gauge('tenfour_stations', 'stations this gateway delivers to', []);
  readonly memoryShare = this.#gauge('tenfour_redis_memory_share', 'used memory as a share of the limit', []);
  readonly redisUp = this.#gauge('tenfour_redis_up', '1 while calls get replies', []);
  readonly delivered = this.#counter('tenfour_deliveries_total', 'deliveries by outcome', [
    'lane',
    'outcome',
  ]);
  readonly laneWaiting = this.#gauge('tenfour_lane_waiting_messages', 'messages waiting in a lane', ['lane']);
  readonly laneHolding = this.#gauge('tenfour_lane_holding', '1 while the lane holds', ['lane']);
  readonly busFaults = this.#counter('tenfour_bus_faults_total', 'failed bus sends by class', [
    'lane',
    'code',
  ]);
  readonly busCircuit = this.#gauge('tenfour_bus_circuit', '0 closed, 1 half open, 2 open', ['lane']);
  readonly busSplits = this.#counter(
    'tenfour_bus_splits_total',
    'batches sent in halves to find the message they were refused for',
    ['lane'],
  );
  readonly busThrottled = this.#counter('tenfour_bus_throttled_total', 'sends the bus was too busy for', [
    'lane',
  ]);
  readonly busThrottleSeconds = this.#counter(
    'tenfour_bus_throttle_seconds_total',
    'time waited because the bus was busy',
    ['lane'],
  );
  readonly busLinks = this.#counter('tenfour_bus_links_total', 'links opened, by why', ['lane', 'what']);
  readonly busMute = this.#counter(
    'tenfour_bus_mute_connections_total',
    'connections dropped because they said nothing while an answer was due',
    ['lane'],
  );
  readonly busRenewals = this.#counter(
    'tenfour_bus_access_read_total',
    'times the access to the bus was read again, by what came of it',
    ['outcome'],
  );
  readonly busBatchesOut = this.#gauge('tenfour_bus_batches_out', 'batches out to the bus', []);
  readonly deliverSeconds = this.#histogram(
    'tenfour_deliver_seconds',
    'accepted to settled by the bus',
    [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5, 60],
  );
  readonly busReturned = this.#counter(
    'tenfour_bus_returned_total',
    'messages that died on a topic’s subscriptions and came back',
    ['lane', 'code'],
  );
  readonly collectRoundSeconds = this.#gauge(
    'tenfour_collect_round_seconds',
    'how long the last round over all dead-letter queues took',
    [],
  );
  readonly collectAbsent = this.#gauge(
    'tenfour_collect_absent_subscriptions',
    'dead-letter queues that could not be read in the last round',
    [],
  );
  readonly collectHolding = this.#gauge(
    'tenfour_collect_holding',
    '1 while what died on the bus is left there',
    [],
  );
  readonly busSampled = this.#counter(
    'tenfour_bus_sampled_total',
    'lane numbers looked for on a topic, by what was found',
    ['lane', 'outcome'],
  );
  readonly busSampleOpen = this.#gauge(
    'tenfour_bus_sample_open',
    'lane numbers sent and not yet seen on the topic',
    ['lane'],
  );
  readonly busSampleEmpty = this.#gauge(
    'tenfour_bus_sample_empty_seconds',
    'unix time at which a topic’s sample was last read to its end, at first that of the start',
    ['lane'],
  );
  readonly recordedPages = this.#counter('tenfour_recorded_pages_total', 'pages on the recorder’s disk', []);
  readonly recordedBytes = this.#counter('tenfour_recorded_bytes_total', 'bytes on the recorder’s disk', []);
  readonly recorderFindings = this.#counter(
    'tenfour_recorder_findings_total',
    'pages that did not continue their chain',
    [],
  );
  readonly boardClients = this.#gauge('tenfour_board_clients', 'browsers that are shown pictures', []);
  readonly boardPictures = this.#counter('tenfour_board_pictures_total', 'pictures by what became of them', [
    'outcome',
  ]);
  readonly watchPagesMissed = this.#gauge(
    'tenfour_watch_pages_missed',
    'audit pages the board has not seen',
    [],
  );

  constructor() {
    collectDefaultMetrics({ register: this.registry });
  }

  #counter(name: string, help: string, labelNames: string[]): Counter {
    return new Counter({ name, help, labelNames, registers: [this.registry] });
  }

  #gauge(name: string, help: string, labelNames: string[]): Gauge {
    return new Gauge({ name, help, labelNames, registers: [this.registry] });
  }

  #histogram(name: string, help: string, buckets: number[]): Histogram {
    return new Histogram({ name, help, buckets, registers: [this.registry] });
  }
}
