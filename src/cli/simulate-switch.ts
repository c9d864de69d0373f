import { readRecords } from '../simulate/switch/records.ts';
import { StateSwitch } from '../simulate/switch/state-switch.ts';
import { faultsOf, lineKinds, lineOf, numberOf } from './simulate-line.ts';
import { lineEventSaid, lineSaid, say } from './simulate-say.ts';
import { untilStopped } from './until-stopped.ts';
import { readOptions } from './usage.ts';

const RECORDS = 'examples/county-099/records.json';
const DELAY_MS_MAX = 600_000;

/** `tenfour simulate switch`: a state's switch, which answers questions from invented records until Ctrl-C. */
export const runSwitch = async (args: readonly string[]): Promise<number> => {
  const { options } = readOptions(args, { ...lineKinds, records: 'string', delay: 'string' });
  const facts = lineOf(options);
  const faults = faultsOf(options);
  const style = { json: options.json, showBody: options['show-body'] };
  const stopped = untilStopped(options.attached);
  const stateSwitch = new StateSwitch(facts, {
    records: readRecords(options.records ?? RECORDS),
    delayMs: numberOf('--delay', options.delay ?? '0', 0, DELAY_MS_MAX),
    faults,
    onEvent: (event) => {
      say(lineEventSaid(event), style);
    },
  });
  say(lineSaid(facts), style);
  await Promise.race([stateSwitch.start(), stopped]);
  await stopped;
  await stateSwitch.stop();
  const { answered, unanswered } = stateSwitch;
  const text = `answered ${String(answered)}, not accepted ${String(unanswered)}`;
  say({ word: 'end', text, values: { answered, unanswered } }, style);
  return 0;
};
