/** AMQP 1.0 frames written by hand (OASIS AMQP 1.0, part 2), for peers that do what no library would. */

/** Version 1.0.0 without SASL. */
export const amqpHead = Buffer.from('AMQP\0\x01\0\0', 'latin1');

const nothing = Buffer.from([0x40]);
const yes = Buffer.from([0x41]);
const no = Buffer.from([0x42]);

const text = (value: string): Buffer => Buffer.from([0xa1, value.length, ...Buffer.from(value)]);
const binary = (value: string): Buffer => Buffer.from([0xa0, value.length, ...Buffer.from(value)]);
const uint = (value: number): Buffer => {
  const bytes = Buffer.from([0x70, 0, 0, 0, 0]);
  bytes.writeUInt32BE(value, 1);
  return bytes;
};
const list = (code: number, fields: readonly Buffer[]): Buffer => {
  const items = Buffer.concat(fields);
  return Buffer.from([0x00, 0x53, code, 0xc0, items.length + 1, fields.length, ...items]);
};

function frame(code: number, fields: readonly Buffer[], payload: Buffer = Buffer.alloc(0)): Buffer {
  const body = Buffer.concat([list(code, fields), payload]);
  const head = Buffer.from([0, 0, 0, 0, 2, 0, 0, 0]);
  head.writeUInt32BE(head.length + body.length);
  return Buffer.concat([head, body]);
}

export const openFrame = (container: string): Buffer => frame(0x10, [text(container)]);

export const beginFrame = (): Buffer => frame(0x11, [nothing, uint(0), uint(10_000), uint(10_000)]);

/** A sending link to `address`. */
export const attachFrame = (handle: number, address: string): Buffer =>
  frame(0x12, [
    text(`link-${String(handle)}`),
    uint(handle),
    no,
    nothing,
    nothing,
    list(0x28, []),
    list(0x29, [text(address)]),
    nothing,
    nothing,
    uint(0),
  ]);

/** A part of a message that says that more follows. */
export const partFrame = (handle: number, deliveryId: number, payload: Buffer): Buffer =>
  frame(0x14, [uint(handle), uint(deliveryId), binary(String(deliveryId)), uint(0), no, yes], payload);
