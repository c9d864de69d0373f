import type { Step } from '../topology/apply.ts';
import { filterText } from '../topology/bus-entities.ts';
import type { Change, Difference, Plan } from '../topology/plan.ts';

/** A plan as lines: `+` made, `~` changed, `-` there and not in the directory, `!` cannot be changed. */
export function planLines(plan: Plan): readonly string[] {
  const { changes, unchangeable, extra, otherTopics, unchanged } = plan;
  return [
    ...changes.map(changeLine),
    ...unchangeable.map(
      ({ place, differences }) => `! ${place}: ${differencesText(differences)}: cannot be changed`,
    ),
    ...extra.map(({ topic, subscription }) => `- ${topic}/${subscription}: not in the directory`),
    ...(otherTopics.length > 0 ? [`  other topics, left alone: ${otherTopics.join(', ')}`] : []),
    `${count(changes, 'created', 'added')} to make, ${count(changes, 'changed', 'removed')} to change, ` +
      `${String(extra.length)} too many; unchanged: ${String(unchanged.topics)} topics, ` +
      `${String(unchanged.subscriptions)} subscriptions, ${String(unchanged.rules)} rules`,
  ];
}

const count = (changes: readonly Change[], ...endings: string[]): string =>
  String(changes.filter(({ kind }) => endings.some((ending) => kind.endsWith(ending))).length);

export function changeLine(change: Change): string {
  switch (change.kind) {
    case 'topic-created':
      return `+ ${change.topic.name}`;
    case 'topic-changed':
      return `~ ${change.topic.name}: ${differencesText(change.differences)}`;
    case 'subscription-created': {
      const { topic, subscription } = change;
      const [first] = subscription.rules;
      const gets = first === undefined ? 'nothing' : filterText(first.filter);
      return `+ ${topic}/${subscription.name}: ${gets}`;
    }
    case 'subscription-changed':
      return `~ ${change.topic}/${change.subscription.name}: ${differencesText(change.differences)}`;
    case 'rule-added':
      return `+ ${change.topic}/${change.subscription}, rule ${change.rule.name}: ${filterText(change.rule.filter)}`;
    case 'rule-changed':
      return `~ ${change.topic}/${change.subscription}, rule ${change.rule.name}: ${change.from} → ${filterText(change.rule.filter)}`;
    case 'rule-removed':
      return `~ ${change.topic}/${change.subscription}, rule ${change.rule} removed: ${change.from}`;
  }
}

const differencesText = (differences: readonly Difference[]): string =>
  differences
    .map(({ name, from, to }) => `${name} ${from === '' ? 'none' : from} → ${to === '' ? 'none' : to}`)
    .join(', ');

export function stepLine(step: Step): string {
  if (step.kind === 'done') return changeLine(step.change);
  const { topic, subscription } = step.extra;
  const held = `${String(step.messages)} messages`;
  return step.kind === 'deleted'
    ? `- ${topic}/${subscription}: deleted${step.messages > 0 ? ` with ${held}` : ''}`
    : `  ${topic}/${subscription}: kept, it holds ${held}; --force deletes it with them`;
}

/** The same for programs. */
export function planJson(plan: Plan): object {
  return { ...plan, changes: plan.changes.map(changeJson) };
}

export function changeJson(change: Change): object {
  const { kind } = change;
  switch (change.kind) {
    case 'topic-created':
      return { kind, topic: change.topic.name };
    case 'topic-changed':
      return { kind, topic: change.topic.name, differences: change.differences };
    case 'subscription-created':
      return { kind, topic: change.topic, subscription: change.subscription.name };
    case 'subscription-changed':
      return {
        kind,
        topic: change.topic,
        subscription: change.subscription.name,
        differences: change.differences,
      };
    case 'rule-added':
    case 'rule-changed':
    case 'rule-removed': {
      const { topic, subscription, rule } = change;
      const [name, to] = typeof rule === 'string' ? [rule, undefined] : [rule.name, filterText(rule.filter)];
      return {
        kind,
        topic,
        subscription,
        rule: name,
        ...('from' in change ? { from: change.from } : {}),
        to,
      };
    }
  }
}
