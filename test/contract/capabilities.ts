/** What a bus may or may not be able to do; the words the contract's table and reports use. */
export const capabilities = {
  'control door': 'its faults can be switched on and off (the stand-in)',
  'own process': 'the suite starts it, and may kill it',
  administration: 'entities can be made and removed over HTTP',
  sessions: 'queues and subscriptions with sessions',
  scheduling: 'messages for a later time',
  'duplicate detection': 'repeated message ids are swallowed',
  'rules at run time': 'rules are changed over AMQP',
} as const;

export type Capability = keyof typeof capabilities;

/** The bus a run is for, as the contract command found it and hands it to the tests. */
export type BusUnderTest = {
  /** A connection string, or a full host name for DefaultAzureCredential. */
  readonly address: string;
  /** Of every entity's name. */
  readonly prefix: string;
  readonly controlUrl?: string | undefined;
  /** Where administration answers; absent, at `address`. */
  readonly administration?: string | undefined;
  readonly lacks: readonly Capability[];
  /** Topics and queues of `bus.json` that are not there. */
  readonly entitiesMissing: readonly string[];
  readonly messageBytesMax: number;
};

/** The environment variable that holds it as JSON; absent, each test file starts a stand-in of its own. */
export const BUS_VARIABLE = 'TENFOUR_BUS_UNDER_TEST';

const given = process.env[BUS_VARIABLE];
export const busUnderTest = given === undefined ? undefined : (JSON.parse(given) as BusUnderTest);

/** Thrown where a case meets what the bus lacks: the case is then skipped, and says so. */
export class Lacking extends Error {
  constructor(what: string) {
    super(`lacks ${what}`);
  }
}

/** The name of an entity of `bus.json` on the bus under test. Throws Lacking when it is not there. */
export function entity(name: string): string {
  if (busUnderTest?.entitiesMissing.includes(name) === true) throw new Lacking(`entity ${name}`);
  return `${busUnderTest?.prefix ?? ''}${name}`;
}

/** The first of these that the bus lacks. */
export const lackOf = (needs: readonly Capability[]): Capability | undefined =>
  needs.find((need) => busUnderTest?.lacks.includes(need) === true);
