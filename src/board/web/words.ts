/** Local time of day: who reads it looks at a clock on the wall. */
export const timeOf = (ms: number): string => new Date(ms).toLocaleTimeString('en-GB');

export const spanOf = (ms: number): string => {
  if (ms < 1000) return `${String(Math.max(0, Math.round(ms)))} ms`;
  const seconds = Math.floor(ms / 1000);
  if (seconds < 60) return `${String(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${String(minutes)} min ${String(seconds % 60)} s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${String(hours)} h ${String(minutes % 60)} min`;
  return `${String(Math.floor(hours / 24))} days`;
};

/** As `spanOf`, without fractions of a second: it changes at most once a second. */
export const agoOf = (ms: number): string => (ms < 1000 ? 'now' : `${spanOf(ms)} ago`);

/** With tenths where it was measured so finely. */
export const exactOf = (ms: number): string => {
  if (ms === 0) return '0 ms';
  if (ms >= 10_000) return `${(ms / 1000).toFixed(1)} s`;
  return ms < 1 ? `${ms.toFixed(2)} ms` : `${ms.toFixed(ms % 1 === 0 ? 0 : 1)} ms`;
};

export const countOf = (n: number): string => n.toLocaleString('en-US');
export const rateOf = (n: number): string => (n < 10 && n % 1 !== 0 ? n.toFixed(1) : countOf(Math.round(n)));

/** As many of what: 1 message, 2 messages. */
export const manyOf = (n: number, one: string): string => `${countOf(n)} ${n === 1 ? one : `${one}s`}`;
