import type { Entities } from '../entities.ts';
import { type AdminAnswer, notFound } from './admin-answer.ts';
import type { AdminPlace } from './admin-place.ts';
import { type Entry, time } from './atom-xml.ts';
import { subscriptionEntry, topicEntry } from './entity-entries.ts';
import { ruleEntry } from './rule-entries.ts';

/** A page of a list. */
export type Page = { readonly skip: number; readonly top: number };
type Places = { readonly host: string; urlOf(path: string): string };

/** Answers a GET. Lists are in the order things were made. */
export function ask(entities: Entities, place: AdminPlace, page: Page, places: Places): AdminAnswer {
  switch (place.kind) {
    case 'namespace':
      return { kind: 'entry', status: 200, entry: namespaceEntry(places) };
    case 'queues':
    case 'topics': {
      const wanted = [...entities.topics.values()].filter(
        ({ definition }) => `${definition.kind}s` === place.kind,
      );
      return paged(wanted, page, (topic) => topicEntry(topic, places));
    }
    case 'subscriptions':
      return paged([...place.topic.subscriptions.values()], page, (one) => subscriptionEntry(one, places));
    case 'rules': {
      const { subscription } = place;
      return paged([...subscription.rules.values()], page, (rule) => ruleEntry(rule, subscription, places));
    }
    case 'rule': {
      const rule = place.subscription.rules.get(place.name);
      if (rule === undefined) return notFound(`${place.subscription.path}/Rules/${place.name}`);
      return { kind: 'entry', status: 200, entry: ruleEntry(rule, place.subscription, places) };
    }
    case 'topic':
      if (place.there === undefined) return notFound(place.name);
      return { kind: 'entry', status: 200, entry: topicEntry(place.there, places) };
    case 'subscription':
      if (place.there === undefined) return notFound(`${place.topic.path}/Subscriptions/${place.name}`);
      return { kind: 'entry', status: 200, entry: subscriptionEntry(place.there, places) };
  }
}

function paged<T>(all: readonly T[], { skip, top }: Page, entryOf: (one: T) => Entry): AdminAnswer {
  const entries = all.slice(skip, skip + top).map(entryOf);
  return { kind: 'feed', entries, hasMore: skip + top < all.length };
}

const startedAtMs = Date.now();

/** The namespace is called by the first part of the host it is asked at, as the service's is; an IP address by all of it. */
function namespaceEntry(places: Places): Entry {
  return {
    id: places.urlOf('$namespaceinfo'),
    title: 'NamespaceInfo',
    createdAtMs: startedAtMs,
    updatedAtMs: startedAtMs,
    name: 'NamespaceInfo',
    description: {
      CreatedTime: time(startedAtMs),
      MessagingSKU: 'Standard',
      ModifiedTime: time(startedAtMs),
      Name: /^(?:[\d.]+|[^.:]+)/.exec(places.host)?.[0] ?? 'stand-in',
      NamespaceType: 'Messaging',
    },
  };
}
