import type { Entities } from '../entities.ts';
import { entityPath } from '../entity-path.ts';
import type { Subscription } from '../subscription.ts';
import type { Topic } from '../topic.ts';

/** What an address of the administration API is about. `name` is what stands there, `there` what is there by it. */
export type AdminPlace =
  | { readonly kind: 'namespace' }
  | { readonly kind: 'queues' | 'topics' }
  | { readonly kind: 'subscriptions'; readonly topic: Topic }
  | { readonly kind: 'rules'; readonly subscription: Subscription }
  | { readonly kind: 'topic'; readonly name: string; readonly there: Topic | undefined }
  | {
      readonly kind: 'subscription';
      readonly topic: Topic;
      readonly name: string;
      readonly there: Subscription | undefined;
    }
  | { readonly kind: 'rule'; readonly subscription: Subscription; readonly name: string };

/** Finds the place of a path without its leading slash; undefined when what it would lie in is not there. */
export function placeOf(entities: Entities, path: string): AdminPlace | undefined {
  const plain = path.replace(/\/+$/, '');
  const lower = plain.toLowerCase();
  if (lower === '$namespaceinfo') return { kind: 'namespace' };
  if (lower === '$resources/queues') return { kind: 'queues' };
  if (lower === '$resources/topics') return { kind: 'topics' };
  if (lower.endsWith('/subscriptions')) {
    const topic = subscribed(entities, plain.slice(0, plain.lastIndexOf('/')));
    return topic && { kind: 'subscriptions', topic };
  }
  const isRules = lower.endsWith('/rules');
  const {
    topic: name,
    subscription: subscriptionName,
    rule,
  } = entityPath(isRules ? plain.slice(0, plain.lastIndexOf('/')) : plain);
  if (subscriptionName === undefined)
    return { kind: 'topic', name, there: entities.topics.get(name.toLowerCase()) };
  const topic = subscribed(entities, name);
  const there = topic?.subscriptions.get(subscriptionName.toLowerCase());
  if (isRules) return there && { kind: 'rules', subscription: there };
  if (rule !== undefined) return there && { kind: 'rule', subscription: there, name: rule };
  return topic && { kind: 'subscription', topic, name: subscriptionName, there };
}

/** The topic of this name; a queue has no subscriptions. */
function subscribed(entities: Entities, name: string): Topic | undefined {
  const topic = entities.topics.get(name.toLowerCase());
  return topic?.queue === undefined ? topic : undefined;
}
