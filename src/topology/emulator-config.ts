import { isoDuration } from './duration.ts';
import type { Rule, Subscription, Topic, Topology } from './topology.ts';

/** What Microsoft's emulator allows (its overview page, "Usage quotas"); five minutes of message ids is what its Config.json takes. */
const EMULATOR_TTL_SECONDS_MAX = 3600;
const EMULATOR_SUBSCRIPTIONS_MAX = 50;
const EMULATOR_WINDOW_SECONDS_MAX = 300;

/** The entity file of the official emulator, which the stand-in reads as well; `notes` say what had to be less than the directory asks. */
export function emulatorConfig(topology: Topology): {
  readonly text: string;
  readonly notes: readonly string[];
} {
  const content = {
    UserConfig: {
      Namespaces: [{ Name: 'sbemulatorns', Topics: topology.topics.map(topicOf) }],
      Logging: { Type: 'File' },
    },
  };
  const isOver = (over: (topic: Topic) => boolean): boolean => topology.topics.some(over);
  return {
    text: `${JSON.stringify(content, null, 2)}\n`,
    notes: [
      ...(isOver(({ settings }) => settings.timeToLiveSeconds > EMULATOR_TTL_SECONDS_MAX)
        ? ['time to live cut to 1 hour, the most the emulator takes']
        : []),
      ...(isOver(({ settings }) => settings.duplicateWindowSeconds > EMULATOR_WINDOW_SECONDS_MAX)
        ? ['duplicate window cut to 5 minutes, the most the emulator takes']
        : []),
      ...(isOver(({ subscriptions }) => subscriptions.length > EMULATOR_SUBSCRIPTIONS_MAX)
        ? ['a topic has more than 50 subscriptions: the stand-in takes that, the emulator does not']
        : []),
    ],
  };
}

function topicOf({ name, settings, subscriptions }: Topic): object {
  return {
    Name: name,
    Properties: {
      DefaultMessageTimeToLive: clamped(settings.timeToLiveSeconds, EMULATOR_TTL_SECONDS_MAX),
      DuplicateDetectionHistoryTimeWindow: clamped(
        settings.duplicateWindowSeconds,
        EMULATOR_WINDOW_SECONDS_MAX,
      ),
      RequiresDuplicateDetection: true,
    },
    Subscriptions: subscriptions.map(subscriptionOf),
  };
}

function subscriptionOf({ name, settings, rules }: Subscription): object {
  return {
    Name: name,
    Properties: {
      DeadLetteringOnMessageExpiration: settings.deadLetterOnExpiry,
      DefaultMessageTimeToLive: clamped(settings.timeToLiveSeconds, EMULATOR_TTL_SECONDS_MAX),
      LockDuration: isoDuration(settings.lockSeconds),
      MaxDeliveryCount: settings.deliveryCountMax,
    },
    Rules: rules.map(ruleOf),
  };
}

const clamped = (seconds: number, max: number): string => isoDuration(Math.min(seconds, max));

function ruleOf({ name, filter }: Rule): object {
  const properties =
    filter.kind === 'everything'
      ? { FilterType: 'Sql', SqlFilter: { SqlExpression: '1=1' } }
      : { FilterType: 'Correlation', CorrelationFilter: { Properties: filter.properties } };
  return { Name: name, Properties: properties };
}
