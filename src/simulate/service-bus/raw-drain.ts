import rhea, { type Receiver, type Session } from 'rhea';
import { creditOf, forget, makeRaw, type RawTransfer, stopReconnecting } from './rhea-inside.ts';
import { bodyOf } from './wire-message.ts';

export type DrainOptions = {
  readonly port: number;
  /** `topic/Subscriptions/name`, with `/$DeadLetterQueue` for its dead letters. */
  readonly address: string;
  /** Messages under way at most. */
  readonly credit: number;
  /** `body` is the first data section, `raw` the whole encoded message; both are views into the network read. */
  readonly onMessage: (body: Buffer, raw: Buffer) => void;
};

export type Drain = { stop(): Promise<void> };

const stopMaxMs = 1_000;
const rawBytesMax = 100 * 1024 * 1024;

/** Receives and deletes as fast as it can, decoding nothing: the reader of load tests. It reconnects by itself. */
export function drain({ port, address, credit, onMessage }: DrainOptions): Drain {
  const container = rhea.create_container();
  container.on('error', () => undefined);
  const connection = container.connect({
    host: '127.0.0.1',
    port,
    username: 'drain',
    max_frame_size: 65_536,
    initial_reconnect_delay: 100,
    max_reconnect_delay: 1_000,
  });
  connection.on('session_open', ({ session }: { session: Session }) => {
    makeRaw(session, rawBytesMax);
  });
  connection.on('receiver_open', ({ receiver }: { receiver: Receiver }) => {
    receiver.add_credit(credit);
  });
  connection.on('message', ({ receiver, delivery, message }: RawTransfer) => {
    forget(delivery);
    const left = creditOf(receiver);
    if (left <= credit / 2) receiver.add_credit(credit - left);
    onMessage(bodyOf(message), message);
  });
  for (const event of ['disconnected', 'connection_error', 'receiver_error', 'protocol_error']) {
    connection.on(event, () => undefined);
  }
  connection.open_receiver({ source: { address }, snd_settle_mode: 1, autoaccept: false, credit_window: 0 });
  return {
    stop: () =>
      new Promise((resolve) => {
        stopReconnecting(connection);
        connection.once('disconnected', () => {
          resolve();
        });
        connection.once('connection_close', () => {
          resolve();
        });
        // A connection that is down just now never tells of its end.
        setTimeout(resolve, stopMaxMs).unref();
        connection.close();
      }),
  };
}
