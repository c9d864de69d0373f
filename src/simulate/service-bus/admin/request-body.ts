import type { IncomingMessage } from 'node:http';

/** The largest rule the service takes has a few kilobytes. */
const bytesMax = 1024 * 1024;
/** What is read and dropped of a longer one, so that the sender can read the answer, before its connection is cut. */
const droppedBytesMax = 16 * bytesMax;
const waitMs = 30_000;

/** A request's body; undefined when it never came whole. */
export type Body =
  | { readonly isTooLarge: true }
  | { readonly isTooLarge: false; readonly text: string }
  | undefined;

/** Collects a request's body and hands it on once. */
export function readBody(request: IncomingMessage, take: (body: Body) => void): void {
  const pieces: Buffer[] = [];
  let bytes = 0;
  let isDone = false;
  const done = (body: Body): void => {
    if (isDone) return;
    isDone = true;
    pieces.length = 0;
    take(body);
  };
  const timer = setTimeout(() => {
    request.destroy();
  }, waitMs);
  request.on('data', (piece: Buffer) => {
    bytes += piece.length;
    if (bytes > droppedBytesMax) request.destroy();
    else if (bytes > bytesMax) done({ isTooLarge: true });
    else pieces.push(piece);
  });
  request.on('end', () => {
    clearTimeout(timer);
    done({ isTooLarge: false, text: Buffer.concat(pieces).toString() });
  });
  request.on('close', () => {
    clearTimeout(timer);
    done(undefined);
  });
}

/** Reads a body nobody asks for, within the same limits. */
export function dropBody(request: IncomingMessage): void {
  readBody(request, () => undefined);
}
