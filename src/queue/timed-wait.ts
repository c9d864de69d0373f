/** Waits until all have settled, or `msMax` passed, and says which it was. What they reject with is not looked at. */
export async function settledWithin(msMax: number, work: readonly Promise<unknown>[]): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(resolve, msMax, false);
  });
  const settled = Promise.allSettled(work).then(() => true);
  try {
    return await Promise.race([settled, late]);
  } finally {
    clearTimeout(timer);
  }
}
