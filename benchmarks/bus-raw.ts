import rhea, { type Connection, type EventContext, type Receiver } from 'rhea';

const BODY = Buffer.alloc(400, 'A');
const CREDIT = 1_000;
/** Names the library's types leave out. */
type Outcomes = { accepted(): { described(): object } };
type Unsettled = { update(isSettled: boolean, state: object): void };
const accepted = (rhea.message as unknown as Outcomes).accepted().described();

const connected = (port: number): Connection =>
  rhea.create_container().connect({ host: '127.0.0.1', port, username: 'bench', reconnect: false });

/** Sends `count` messages one by one, `out` of them unanswered at most. */
export const sendRaw = async (port: number, to: string, count: number, out: number): Promise<void> => {
  const connection = connected(port);
  const sender = connection.open_sender({ target: { address: to } });
  let sent = 0;
  let accepted = 0;
  await new Promise<void>((resolve, reject) => {
    const fill = (): void => {
      while (sent < count && sent - accepted < out && sender.sendable()) {
        sent += 1;
        sender.send({
          message_id: `raw-${String(performance.now())}-${String(sent)}`,
          content_type: 'application/jose',
          body: rhea.message.data_section(BODY) as unknown,
        });
      }
    };
    sender.on('sendable', fill);
    sender.on('accepted', () => {
      accepted += 1;
      if (accepted === count) resolve();
      else fill();
    });
    failOn(connection, reject);
  });
  await closed(connection);
};

/** Takes `count` messages in peek-lock and accepts each. */
export const receiveRaw = async (port: number, from: string, count: number): Promise<void> => {
  const connection = connected(port);
  let got = 0;
  let settled = 0;
  await new Promise<void>((resolve, reject) => {
    const receiver: Receiver = connection.open_receiver({
      source: { address: from },
      rcv_settle_mode: 1,
      autoaccept: false,
      autosettle: false,
      credit_window: 0,
    });
    receiver.add_credit(Math.min(CREDIT, count));
    receiver.on('message', ({ delivery }: EventContext) => {
      got += 1;
      (delivery as Unsettled | undefined)?.update(false, accepted);
      if (got % (CREDIT / 2) === 0 && got + CREDIT / 2 < count) receiver.add_credit(CREDIT / 2);
    });
    receiver.on('settled', ({ delivery }: EventContext) => {
      // Else its place in the library's ring of 2,048 is never free again.
      if (delivery !== undefined) (delivery as { settled: boolean }).settled = true;
      settled += 1;
      if (settled === count) resolve();
    });
    failOn(connection, reject);
  });
  await closed(connection);
};

const failOn = (connection: Connection, reject: (error: Error) => void): void => {
  for (const event of ['sender_error', 'receiver_error', 'connection_error', 'disconnected'])
    connection.on(event, () => {
      reject(new Error(`raw AMQP: ${event}`));
    });
};

const closed = (connection: Connection): Promise<void> =>
  new Promise((resolve) => {
    connection.once('connection_close', () => {
      resolve();
    });
    connection.close();
  });
