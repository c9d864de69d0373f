import { bench, group, run } from 'mitata';
import { Chain } from '../src/audit/chain.ts';
import { writeJournal } from '../src/audit/journal.ts';
import { recordText } from '../src/audit/record-text.ts';
import type { AcceptRecord } from '../src/audit/records.ts';
import { authorize } from '../src/authorize/authorize.ts';
import { busMessage, type ReadyMessage } from '../src/deliver/deliver.ts';
import { encodeBatch, encodeMessage } from '../src/deliver/amqp-message.ts';
import { framed } from '../src/dialect/dialect.ts';
import { FrameDecoder } from '../src/frame/frame.ts';
import type { Delivery } from '../src/message/delivery.ts';
import { parse } from '../src/parse/parse.ts';
import { decodeEntry, encodeEntry } from '../src/queue/queue.ts';
import { route } from '../src/route/route.ts';
import { validate } from '../src/validate/validate.ts';
import {
  busSealer,
  chunk,
  dialect,
  directory,
  frames,
  framings,
  line,
  parsed,
  permitted,
  valid,
  vault,
} from './samples.ts';

/**
 * What each step of the road costs by itself, on the load test's mix. Every benchmark runs the whole mix once: divide by the count in
 * its name for a message. One thread, nothing else running: the road adds waiting, copying and collecting garbage.
 */
const HOUR = 480_000;
const writer = 'gbenchbench';

const deliveries: readonly Delivery[] = valid.flatMap((message, at) => {
  const routed = route(message, directory, dialect, line.station);
  if (!routed.ok) return [];
  const messageId = `${writer}-${String(at + 1)}`;
  return routed.value.map((plan, copy) => ({
    ...{ deliveryId: `${messageId}-${String(copy)}`, generation: 1, messageId },
    ...{ messageKey: message.messageKey, priorityClass: 2 as const, originatingOri: message.originatingOri },
    ...{ destination: plan.destination, groups: plan.groups, recipients: plan.recipients },
    ...{ agency: line.agency, station: line.station, dialect: dialect.name },
    ...{ receivedAtMs: 1_767_225_600_000, receivedCount: at + 1, isNotice: false },
    ...{ directoryVersion: directory.version, isTest: false, traceparent: '', user: '', terminal: '' },
    ...{ incident: '', resentOf: '' },
  }));
});
const sealedAt = { agency: line.agency, messageId: `${writer}-1`, hour: HOUR };
const body = frames[0]?.bytes ?? Buffer.alloc(400);
const sealed = vault.seal(body, sealedAt);
const entries = deliveries.map((delivery) => encodeEntry(delivery, sealed));
const messages = deliveries.map((delivery) =>
  busMessage(delivery, busSealer.seal(body, delivery.recipients), { seq: 1, isPossibleDuplicate: false }),
);
const ready: readonly ReadyMessage[] = messages.map((message) => ({
  message,
  encoded: encodeMessage(message),
  room: 0,
}));
const records: readonly AcceptRecord[] = valid.map((message, at) => ({
  e: 'accept',
  ...{ id: `${writer}-${String(at)}`, t: 1_767_225_600_000, line: line.name, station: line.station },
  ...{ agency: line.agency, ori: message.originatingOri, mke: message.messageKey, dialect: dialect.name },
  ...{ cls: 2, to: message.destinations.map(({ text }) => text), bytes: message.bytes.length },
  ...{ dir: directory.version, user: '', terminal: '', incident: '', test: 0, tp: '' },
  stamps: { parse: 3, authorize: 4, validate: 6, route: 7 },
  deliveries: [
    { d: `${writer}-${String(at)}-0`, lane: 'point-to-point', dest: 'NV', groups: [], to: ['nv-system'] },
  ],
}));
const journal = valid.map(({ bytes }, at) => {
  const id = `${writer}-${String(at)}`;
  return { id, agency: line.agency, sealed: vault.seal(bytes, { ...sealedAt, messageId: id }) };
});
const chain = new Chain(writer);

/** Runs `step` over the whole mix; the sum keeps the compiler from leaving the work out. */
const over = <T>(name: string, items: readonly T[], step: (item: T) => unknown): void => {
  bench(`${name} x${String(items.length)}`, () => {
    let count = 0;
    for (const item of items) if (step(item) !== undefined) count += 1;
    return count;
  });
};

group('gateway', () => {
  const decoder = new FrameDecoder(dialect.framing);
  bench(`frame x${String(frames.length)}`, () => decoder.push(chunk).length);
  for (const name of ['len4-big', 'ascii5', 'eot-delimited']) {
    const framing = framings.get(name);
    if (framing === undefined) throw new Error(`no framing ${name}`);
    const other = new FrameDecoder(framing);
    const reframed = Buffer.concat(frames.map(({ bytes }) => framed(framing, bytes)));
    bench(`frame, ${name} x${String(frames.length)}`, () => other.push(reframed).length);
  }
  over('parse', frames, (frame) => parse(frame, dialect));
  over('authorize', parsed, (message) => authorize(message, line, dialect));
  over('validate', permitted, (message) => validate(message, dialect));
  over('route', valid, (message) => route(message, directory, dialect, line.station));
  over('seal for storage', frames, ({ bytes }) => vault.seal(bytes, sealedAt));
  over('lane entry: encode', deliveries, (delivery) => encodeEntry(delivery, sealed));
  over('record text', records, (record) => recordText(record));
  const texts = records.map((record) => recordText(record));
  const blob = writeJournal(journal);
  bench(`journal x${String(journal.length)}`, () => writeJournal(journal).length);
  bench(`page x${String(texts.length)}`, () => chain.build(texts, blob, 1_767_225_600_000).bytes.length);
});

group('courier', () => {
  over('lane entry: decode', entries, (entry) => decodeEntry(entry));
  over('open from storage', frames, () => vault.open(sealed, sealedAt));
  over('seal for the bus (JWE)', deliveries, ({ recipients }) => busSealer.seal(body, recipients));
  over('AMQP message', messages, (message) => encodeMessage(message));
  const [first] = ready;
  if (first !== undefined) {
    const encoded = ready.map((each) => each.encoded);
    bench(`AMQP batch x${String(encoded.length)}`, () => encodeBatch(first.message, encoded).length);
  }
});

await run();
