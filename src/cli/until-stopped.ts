/**
 * Resolves at SIGTERM or SIGINT; when attached also when standard input closes, so that whoever started us leaves nothing behind
 * even if it is killed.
 */
export const untilStopped = (isAttached: boolean): Promise<undefined> =>
  new Promise((resolve) => {
    const stop = (): void => {
      // An open standard input would keep the process alive after its work is done.
      if (isAttached) process.stdin.destroy();
      resolve(undefined);
    };
    process.once('SIGTERM', stop);
    process.once('SIGINT', stop);
    if (!isAttached) return;
    process.stdin.once('end', stop);
    process.stdin.once('error', stop);
    process.stdin.resume();
  });
