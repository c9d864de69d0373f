import pino, { type Logger } from 'pino';

type Level = 'debug' | 'info' | 'warn' | 'error' | 'fatal';

/**
 * Every log event there is, with its level and the fields it may carry. Fields are ids, counts, codes and line names; a message's
 * text or a field's value has no place here, and an event that is not in this table cannot be logged. Normal passage logs nothing.
 */
export const events = {
  'process.started': {
    level: 'info',
    fields: ['role', 'instance', 'writer', 'predecessor', 'opsPort', 'directory'],
  },
  'process.draining': { level: 'info', fields: ['role'] },
  'process.stopped': { level: 'info', fields: ['role', 'drained'] },
  'process.fault': { level: 'fatal', fields: ['role', 'code', 'says'] },
  'durability.weak': { level: 'warn', fields: ['durability'] },
  'line.listening': { level: 'info', fields: ['line', 'port'] },
  'session.opened': { level: 'info', fields: ['line', 'session'] },
  'session.closed': { level: 'info', fields: ['line', 'session', 'code', 'frames', 'refused'] },
  'redis.down': { level: 'warn', fields: ['role'] },
  'redis.up': { level: 'info', fields: ['role'] },
  'queue.blocked': { level: 'warn', fields: ['code'] },
  'queue.rolled-back': { level: 'error', fields: ['code', 'calls'] },
  'lane.claimed': { level: 'info', fields: ['lane', 'token'] },
  'lane.waiting': { level: 'info', fields: ['lane', 'heldForMs'] },
  'lane.fenced': { level: 'warn', fields: ['lane', 'code'] },
  'lane.holding': { level: 'warn', fields: ['lane', 'code', 'busCode', 'tries'] },
  'lane.flowing': { level: 'info', fields: ['lane'] },
  'bus.circuit-opened': { level: 'warn', fields: ['lane', 'code', 'busCode', 'tries'] },
  'bus.circuit-closed': { level: 'info', fields: ['lane'] },
  'bus.throttled': { level: 'warn', fields: ['lane', 'waitMs'] },
  'bus.connection-mute': { level: 'warn', fields: ['lane'] },
  'bus.access-read': { level: 'warn', fields: ['outcome'] },
  'keys.broken': { level: 'error', fields: ['code'] },
  'clock.jumped': { level: 'error', fields: ['jumpMs'] },
  'timed.fault': { level: 'warn', fields: ['code'] },
  'letter.dead': { level: 'warn', fields: ['lane', 'deliveryId', 'code', 'busCode'] },
  'topology.assumed': { level: 'info', fields: ['directory'] },
  'topology.applied': { level: 'info', fields: ['appliedAt', 'directoryVersion', 'isSame'] },
  'letter.returned': { level: 'warn', fields: ['lane', 'subscription', 'deliveryId', 'code'] },
  'collect.holding': { level: 'warn', fields: ['code'] },
  'collect.flowing': { level: 'info', fields: [] },
  'sample.unread': { level: 'warn', fields: ['lane'] },
  'sample.no-all': { level: 'warn', fields: ['lane'] },
  'sample.missing': { level: 'error', fields: ['lane', 'missing'] },
  'recorder.finding': { level: 'error', fields: ['code', 'writer', 'page'] },
  'recorder.waiting': { level: 'info', fields: ['heldForMs'] },
  'recorder.stalled': { level: 'error', fields: ['code'] },
} as const satisfies Record<string, { level: Level; fields: readonly string[] }>;

export type EventName = keyof typeof events;
type FieldsOf<E extends EventName> = {
  readonly [F in (typeof events)[E]['fields'][number]]: string | number | boolean;
};

export class Log {
  readonly #pino: Logger;

  /** Writes JSON lines to standard error; standard output belongs to the commands. */
  constructor(level: Level, destination: pino.DestinationStream = pino.destination({ fd: 2, sync: false })) {
    this.#pino = pino(
      { level, base: { pid: process.pid }, timestamp: pino.stdTimeFunctions.isoTime },
      destination,
    );
  }

  event<E extends EventName>(name: E, fields: FieldsOf<E>): void {
    const { level, fields: allowed } = events[name];
    const given: Readonly<Record<string, unknown>> = fields;
    const line: Record<string, unknown> = { event: name };
    // The type already limits the fields; the copy by name keeps it so for a caller that widened its type.
    for (const field of allowed) line[field] = given[field];
    this.#pino[level](line);
  }
}
