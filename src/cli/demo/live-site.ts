import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { exampleSeats } from '../../simulate/mdt/mdt-fleet.ts';
import type { SiteOptions } from '../../simulate/site/site.ts';
import { officerSafetyKey } from './traffic.ts';

/** Leases and back-offs of seconds: who waits for a take-over on a screen should see it. Their order stays that of production. */
const SHORT_TIMES = {
  TENFOUR_LEASE_MS: '1500',
  TENFOUR_LEASE_MARGIN_MS: '500',
  TENFOUR_BUS_TIMEOUT_MS: '3000',
  TENFOUR_HOLD_BACKOFF_MS_MAX: '500',
} as const;
/** Without confirmation so much quiet stands for one. */
const RESEND_MS = 1000;

const root = (...path: string[]): string => join(import.meta.dirname, '..', '..', '..', ...path);

/** The site of the live demo: a bus that keeps its messages on disk, so that killing it is fair, and one message key more. */
export const liveSite = (options: SiteOptions): SiteOptions => {
  const folder = `${options.folder}-files`;
  mkdirSync(folder, { recursive: true });
  const protocols = copyProtocols(root('protocols'), join(folder, 'protocols'));
  return {
    ...options,
    isBusDurable: true,
    busConfig: copyBusConfig(root('examples', 'county-099', 'bus.json'), join(folder, 'bus.json')),
    settings: { ...SHORT_TIMES, TENFOUR_PROTOCOLS: protocols },
    editLine: (line) => {
      if (line['confirm'] === 'none') line['outbound'] = { resendMs: RESEND_MS };
    },
  };
};

/** The dialects with the demo's own key beside the others. Returns the folder. */
const copyProtocols = (from: string, to: string): string => {
  cpSync(from, to, { recursive: true });
  const path = join(to, 'nlets-legacy', 'message-keys', `${officerSafetyKey.key}.json`);
  writeFileSync(path, JSON.stringify(officerSafetyKey, null, 2));
  return to;
};

/** The example's topics with the subscriptions that the fleet reads: others would fill up, and the traffic has no end. */
const copyBusConfig = (from: string, to: string): string => {
  type Topic = { Name: string; Subscriptions: { Name: string }[] };
  type File = { UserConfig: { Namespaces: { Topics: Topic[] }[] } };
  const file = JSON.parse(readFileSync(from, 'utf8')) as File;
  const read = new Set(exampleSeats.map(({ topic, subscription }) => `${topic}/${subscription}`));
  for (const topic of file.UserConfig.Namespaces.flatMap(({ Topics }) => Topics))
    topic.Subscriptions = topic.Subscriptions.filter(({ Name }) => read.has(`${topic.Name}/${Name}`));
  writeFileSync(to, JSON.stringify(file));
  return to;
};
