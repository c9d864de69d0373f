import { readFile } from 'node:fs/promises';
import type { ServiceBusAdministrationClient } from '@azure/service-bus';
import {
  type EmulatorConfig,
  parseEmulatorConfig,
  type RuleConfig,
} from '../../src/simulate/service-bus/emulator-config.ts';

type Namespace = EmulatorConfig['UserConfig']['Namespaces'][number];
type Named = { readonly Name: string };
type Durations = {
  readonly DefaultMessageTimeToLive?: number | undefined;
  readonly LockDuration?: number;
  readonly MaxDeliveryCount?: number;
  readonly DeadLetteringOnMessageExpiration?: boolean;
  readonly RequiresSession?: boolean;
  readonly RequiresDuplicateDetection?: boolean;
  readonly DuplicateDetectionHistoryTimeWindow?: number;
};

/** What is left behind by a run that was killed ends itself. */
const autoDeleteOnIdle = 'PT1H';
/** Made or removed at the same time. */
const concurrentMax = 4;

/** What `bus.json` names. */
export async function wantedEntities(): Promise<Namespace> {
  const text = await readFile(new URL('bus.json', import.meta.url), 'utf8');
  const [namespace] = parseEmulatorConfig(JSON.parse(text)).UserConfig.Namespaces;
  if (namespace === undefined) throw new RangeError('bus.json names nothing');
  return namespace;
}

/** The entities of `bus.json` under a prefix of their own, on a bus with administration. */
export class MadeEntities {
  readonly #admin: ServiceBusAdministrationClient;
  readonly prefix: string;
  readonly #ending: AbortSignal;
  readonly #queues: string[] = [];
  readonly #topics: string[] = [];

  /** When `ending` is aborted nothing more is made. */
  constructor(admin: ServiceBusAdministrationClient, prefix: string, ending: AbortSignal) {
    this.#admin = admin;
    this.prefix = prefix;
    this.#ending = ending;
  }

  /** Makes what it can; gives the name of each that could not be made, with the bus's reason. */
  async make({ Queues, Topics }: Namespace): Promise<ReadonlyMap<string, string>> {
    const refused = new Map<string, string>();
    const make = async ({ Name }: Named, work: () => Promise<void>): Promise<void> => {
      if (this.#ending.aborted) return;
      try {
        await work();
      } catch (error) {
        refused.set(Name, error instanceof Error ? error.message : String(error));
      }
    };
    await inTurn([
      ...Queues.map((queue) => () => make(queue, () => this.#makeQueue(queue))),
      ...Topics.map((topic) => () => make(topic, () => this.#makeTopic(topic))),
    ]);
    return refused;
  }

  /** Removes whatever was made; gives the names of those that could not be removed. */
  async remove(): Promise<readonly string[]> {
    const left: string[] = [];
    const remove = async (name: string, work: (name: string) => Promise<unknown>): Promise<void> => {
      await work(name).catch((error: unknown) => {
        if (statusOf(error) !== 404) left.push(name);
      });
    };
    await inTurn([
      ...this.#queues.map((name) => () => remove(name, (queue) => this.#admin.deleteQueue(queue))),
      ...this.#topics.map((name) => () => remove(name, (topic) => this.#admin.deleteTopic(topic))),
    ]);
    return left;
  }

  async #makeQueue({ Name, Properties }: Namespace['Queues'][number]): Promise<void> {
    const name = this.prefix + Name;
    await noted(this.#queues, name, () =>
      this.#admin.createQueue(name, {
        ...publishing(Properties),
        ...receiving(Properties),
        autoDeleteOnIdle,
      }),
    );
  }

  async #makeTopic({ Name, Properties, Subscriptions }: Namespace['Topics'][number]): Promise<void> {
    const name = this.prefix + Name;
    await noted(this.#topics, name, () =>
      this.#admin.createTopic(name, { ...publishing(Properties), autoDeleteOnIdle }),
    );
    for (const subscription of Subscriptions) {
      await this.#admin.createSubscription(name, subscription.Name, receiving(subscription.Properties));
      if (subscription.Rules.length === 0 || subscription.Rules.some((rule) => rule.Name === '$Default'))
        continue;
      for (const rule of subscription.Rules)
        await this.#admin.createRule(name, subscription.Name, rule.Name, filterOf(rule));
      await this.#admin.deleteRule(name, subscription.Name, '$Default');
    }
  }
}

/** Noted before it is made, so that one whose answer is lost is removed all the same; one that was refused is not there. */
async function noted(names: string[], name: string, make: () => Promise<unknown>): Promise<void> {
  names.push(name);
  try {
    await make();
  } catch (error) {
    if (statusOf(error) !== undefined) names.splice(names.indexOf(name), 1);
    throw error;
  }
}

const statusOf = (error: unknown): unknown => (error as { statusCode?: unknown }).statusCode;

const publishing = ({
  DefaultMessageTimeToLive,
  RequiresDuplicateDetection,
  DuplicateDetectionHistoryTimeWindow,
}: Durations) => ({
  ...(DefaultMessageTimeToLive === undefined
    ? {}
    : { defaultMessageTimeToLive: iso(DefaultMessageTimeToLive) }),
  ...(RequiresDuplicateDetection === true
    ? {
        requiresDuplicateDetection: true,
        duplicateDetectionHistoryTimeWindow: iso(DuplicateDetectionHistoryTimeWindow ?? 600_000),
      }
    : {}),
});

const receiving = (of: Durations) => ({
  lockDuration: iso(of.LockDuration ?? 60_000),
  maxDeliveryCount: of.MaxDeliveryCount ?? 10,
  deadLetteringOnMessageExpiration: of.DeadLetteringOnMessageExpiration ?? false,
  requiresSession: of.RequiresSession ?? false,
  ...(of.DefaultMessageTimeToLive === undefined
    ? {}
    : { defaultMessageTimeToLive: iso(of.DefaultMessageTimeToLive) }),
});

const iso = (ms: number): string => `PT${String(ms / 1_000)}S`;

function filterOf({ Properties }: RuleConfig) {
  if (Properties.FilterType === 'Sql') return { sqlExpression: Properties.SqlFilter.SqlExpression };
  const { Label, Properties: application } = Properties.CorrelationFilter;
  return {
    ...(Label === undefined ? {} : { subject: Label }),
    ...(application === undefined ? {} : { applicationProperties: application }),
  };
}

async function inTurn(works: readonly (() => Promise<void>)[]): Promise<void> {
  const next = works.values();
  const worker = async (): Promise<void> => {
    for (const work of next) await work();
  };
  await Promise.all(Array.from({ length: concurrentMax }, worker));
}
