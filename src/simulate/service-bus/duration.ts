const pattern = /^P(?:(\d{1,8})D)?(?:T(?:(\d{1,6})H)?(?:(\d{1,6})M)?(?:(\d{1,6})(?:\.(\d{1,7}))?S)?)?$/;

const dayMs = 86_400_000;
const hourMs = 3_600_000;
const minuteMs = 60_000;

/**
 * Milliseconds of an ISO-8601 duration as entity options write it (`PT30S`, `P1DT2H`), or undefined if it is none.
 * Years, months and weeks are refused as the service refuses them. The service writes "never" as some 10 million
 * days, which still fits in a safe integer.
 */
export function durationMs(text: string): number | undefined {
  const found = pattern.exec(text);
  if (found === null || text === 'P' || text.endsWith('T')) return undefined;
  const [, days = '0', hours = '0', minutes = '0', seconds = '0', fraction = '0'] = found;
  return (
    Number(days) * dayMs +
    Number(hours) * hourMs +
    Number(minutes) * minuteMs +
    Number(seconds) * 1000 +
    Math.floor(Number(`0.${fraction}`) * 1000)
  );
}

/** What the service writes for "never": the longest span .NET knows, about 29,000 years. */
export const neverText = 'P10675199DT2H48M5.4775807S';
export const neverMs = 922_337_203_685_477;

/** A span of whole milliseconds as the service writes it. */
export function durationText(ms: number): string {
  if (ms >= neverMs) return neverText;
  const days = Math.floor(ms / dayMs);
  const hours = Math.floor((ms % dayMs) / hourMs);
  const minutes = Math.floor((ms % hourMs) / minuteMs);
  const seconds = (ms % minuteMs) / 1000;
  const part = (value: number, unit: string) => (value === 0 ? '' : `${String(value)}${unit}`);
  const time = part(hours, 'H') + part(minutes, 'M') + part(seconds, 'S');
  if (days === 0 && time === '') return 'PT0S';
  return `P${part(days, 'D')}${time === '' ? '' : `T${time}`}`;
}
