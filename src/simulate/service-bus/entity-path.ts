/** The parts of a path to an entity or rule; a topic's or queue's own name may hold slashes. */
export type EntityPath = {
  readonly topic: string;
  readonly subscription: string | undefined;
  readonly rule: string | undefined;
};

const pattern = /^(.+?)(?:\/subscriptions\/([^/]+)(?:\/rules\/(.+))?)?$/is;

/** Reads `topic`, `topic/Subscriptions/name` or `topic/Subscriptions/name/Rules/name`. */
export function entityPath(path: string): EntityPath {
  const [, topic = '', subscription, rule] = pattern.exec(path) ?? [];
  return { topic, subscription, rule };
}

/** Names of topics, queues and subscriptions end and begin with a letter or digit. */
const plain = /^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$/;

/** Why a topic or queue may not be called so; undefined when it may. */
export function wrongName(name: string): string | undefined {
  if (name.length === 0 || name.length > 260) return 'A name of a topic or queue has 1 to 260 characters.';
  const parts = name.split('/');
  if (!plain.test(name.replaceAll('/', '-')) || parts.includes(''))
    return 'A name has letters, digits, period, hyphen, underscore and slash; it begins and ends with a letter or digit.';
  const isReserved = parts.some((part) => /^(subscriptions|rules)$/i.test(part));
  return isReserved ? 'No part of a name may be Subscriptions or Rules.' : undefined;
}

/** Why a subscription may not be called so; undefined when it may. */
export function wrongSubscriptionName(name: string): string | undefined {
  if (name.length === 0 || name.length > 50) return 'A name of a subscription has 1 to 50 characters.';
  if (plain.test(name)) return undefined;
  return 'A name has letters, digits, period, hyphen and underscore; it begins and ends with a letter or digit.';
}
