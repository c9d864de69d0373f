const DAY = 86_400;
const HOUR = 3600;
const MINUTE = 60;

/** Whole seconds as the service writes a time span, the largest units first: 5400 is PT1H30M. */
export function isoDuration(seconds: number): string {
  const days = Math.floor(seconds / DAY);
  const parts: [amount: number, unit: string][] = [
    [Math.floor((seconds % DAY) / HOUR), 'H'],
    [Math.floor((seconds % HOUR) / MINUTE), 'M'],
    [seconds % MINUTE, 'S'],
  ];
  const time = parts.map(([amount, unit]) => (amount === 0 ? '' : `${String(amount)}${unit}`)).join('');
  const day = days === 0 ? '' : `${String(days)}D`;
  if (time === '') return day === '' ? 'PT0S' : `P${day}`;
  return `P${day}T${time}`;
}

const SPAN = /^P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)(?:\.(\d+))?S)?)?$/;

/**
 * Seconds of a time span as the service writes it, to the millisecond; Infinity for its "never" (P10675199DT2H48M5.4775807S), undefined
 * for anything else.
 */
export function secondsOf(span: string): number | undefined {
  const found = SPAN.exec(span);
  if (found === null || span.length > 40) return undefined;
  const [days = 0, hours = 0, minutes = 0, seconds = 0] = found
    .slice(1, 5)
    .map((digits: string | undefined) => Number(digits ?? 0));
  const part = Number(`0.${(found[5] ?? '0').slice(0, 3)}`);
  return days >= NEVER_DAYS ? Infinity : days * DAY + hours * HOUR + minutes * MINUTE + seconds + part;
}

const NEVER_DAYS = 10_675_199;
