import { join } from 'node:path';
import type { Site } from '../site/site.ts';
import { lineFacts } from '../wire/line-facts.ts';
import { readRecords } from './records.ts';
import { StateSwitch, type SwitchOptions } from './state-switch.ts';

const RECORDS = join(import.meta.dirname, '..', '..', '..', 'examples', 'county-099', 'records.json');

/** The example's state switch at its line of a site, connected. */
export const startSiteSwitch = async (
  site: Site,
  options: Omit<SwitchOptions, 'records'> = {},
): Promise<StateSwitch> => {
  const { TENFOUR_DIRECTORY = '', TENFOUR_PROTOCOLS = '' } = site.env;
  const facts = lineFacts(TENFOUR_DIRECTORY, TENFOUR_PROTOCOLS, 'ut-system');
  const stateSwitch = new StateSwitch(facts, { ...options, records: readRecords(RECORDS) });
  await stateSwitch.start();
  return stateSwitch;
};
