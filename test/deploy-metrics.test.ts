/** Dashboard and alerts ask only for what the program shows: names, labels, kinds, and values that it really sets. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import { Metrics } from '../src/telemetry/metrics.ts';
import { readCompose, rolesOf } from './deploy/compose-file.ts';
import { root } from './deploy/image-folder.ts';
import { readExpression } from './deploy/promql.ts';

type Shown = { readonly kind: string; readonly labels: ReadonlySet<string> };
type Panel = {
  title: string;
  datasource: { uid: string };
  targets: { expr: string; legendFormat: string }[];
};
type Rule = {
  alert: string;
  expr: string;
  for: string;
  labels: { severity: string };
  annotations: { summary: string; runbook: string };
};
type Scrape = {
  rule_files: string[];
  scrape_configs: {
    job_name: string;
    static_configs: { targets: string[]; labels: { role: string } }[];
  }[];
};

const read = (...path: string[]): string => readFileSync(join(root, ...path), 'utf8');
const dashboard = JSON.parse(read('docker', 'grafana', 'dashboards', 'tenfour.json')) as { panels: Panel[] };
const { groups } = parse(read('docker', 'prometheus', 'alerts.yml')) as { groups: { rules: Rule[] }[] };
const scrape = parse(read('docker', 'prometheus', 'prometheus.yml')) as Scrape;
const rules = groups.flatMap((group) => group.rules);
/** Put on every sample by Prometheus itself or by prometheus.yml. */
const scraped = ['job', 'instance', 'role'];
const shown = await metricsShown();
const sources = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts') && !path.endsWith('.test.ts'))
  .map((path) => read('src', path))
  .join('\n');

/** Every series name a scrape of a role can have, with its labels; a histogram has three names. */
async function metricsShown(): Promise<ReadonlyMap<string, Shown>> {
  const { registry } = new Metrics();
  const kinds = new Map((await registry.getMetricsAsJSON()).map(({ name, type }) => [name, String(type)]));
  const found = new Map<string, Shown>([['up', { kind: 'gauge', labels: new Set(scraped) }]]);
  for (const metric of registry.getMetricsAsArray()) {
    const { name, labelNames = [] } = metric as unknown as { name: string; labelNames?: string[] };
    const labels = new Set([...labelNames, ...scraped]);
    const kind = kinds.get(name) ?? '';
    if (kind !== 'histogram') found.set(name, { kind, labels });
    else {
      found.set(`${name}_bucket`, { kind: 'counter', labels: new Set([...labels, 'le']) });
      found.set(`${name}_sum`, { kind: 'counter', labels });
      found.set(`${name}_count`, { kind: 'counter', labels });
    }
  }
  return found;
}

/** What is wrong with an expression, in words; empty when all of it exists. */
function wrongWith(expr: string, templates: string): string[] {
  const { selectors, grouping, made, copied } = readExpression(expr);
  const wrong: string[] = [];
  const labels = new Set(made);
  for (const { metric, matchers, within } of selectors) {
    const one = shown.get(metric);
    if (one === undefined) {
      wrong.push(`no metric ${metric}`);
      continue;
    }
    for (const label of one.labels) labels.add(label);
    const isRate = within === 'rate' || within === 'increase';
    if (isRate !== (one.kind === 'counter')) wrong.push(`${metric} is a ${one.kind}`);
    for (const [label, values] of matchers) {
      if (!one.labels.has(label)) wrong.push(`${metric} has no label ${label}`);
      if (label === 'job') continue;
      for (const value of values)
        if (!sources.includes(`'${value}'`)) wrong.push(`nothing sets ${label} to ${value}`);
    }
  }
  for (const label of [...grouping, ...copied]) if (!labels.has(label)) wrong.push(`no label ${label}`);
  const kept = new Set(grouping.length > 0 ? [...grouping, ...made] : labels);
  for (const [, label = ''] of templates.matchAll(/\{\{\s*(?:\$labels\.)?(\w+)\s*\}\}/g))
    if (!kept.has(label)) wrong.push(`the text shows ${label}, which the result has not`);
  return wrong;
}

test('every query of the dashboard asks for metrics and labels that exist', () => {
  assert.ok(dashboard.panels.length > 20);
  for (const { title, datasource, targets } of dashboard.panels) {
    assert.equal(datasource.uid, 'prometheus', title);
    assert.ok(targets.length > 0, title);
    for (const { expr, legendFormat } of targets)
      assert.deepEqual(wrongWith(expr, legendFormat), [], `${title}: ${expr}`);
  }
});

test('every alert asks for metrics and labels that exist and has a page to turn to', () => {
  assert.ok(rules.length >= 20);
  const page = read('docs', 'operating.md');
  const headings = new Set(
    [...page.matchAll(/^#+ (.+)$/gm)].map(([, text = '']) =>
      text
        .toLowerCase()
        .replaceAll(/[^\w\s-]/g, '')
        .replaceAll(' ', '-'),
    ),
  );
  for (const { alert, expr, labels, annotations } of rules) {
    assert.deepEqual(wrongWith(expr, annotations.summary), [], alert);
    assert.match(labels.severity, /^(critical|warning)$/, alert);
    const [file, anchor = ''] = annotations.runbook.split('#');
    assert.equal(file, 'docs/operating.md', alert);
    assert.ok(headings.has(anchor), `${alert}: no heading for #${anchor}`);
    assert.ok(page.includes(alert), `docs/operating.md does not name ${alert}`);
  }
  assert.equal(new Set(rules.map(({ alert }) => alert)).size, rules.length);
});

test('every metric of our own is on the dashboard', () => {
  const asked = new Set(
    dashboard.panels.flatMap(({ targets }) =>
      targets.flatMap(({ expr }) =>
        readExpression(expr).selectors.map(({ metric }) => metric.replace(/_(bucket|sum|count)$/, '')),
      ),
    ),
  );
  const own = [...shown.keys()]
    .filter((name) => name.startsWith('tenfour_'))
    .map((name) => name.replace(/_(bucket|sum|count)$/, ''));
  assert.deepEqual(
    own.filter((name) => !asked.has(name)),
    [],
  );
});

test('Prometheus scrapes every role of the compose file on its operations port', () => {
  assert.deepEqual(scrape.rule_files, ['alerts.yml']);
  const targets = scrape.scrape_configs.flatMap(({ job_name, static_configs }) => {
    assert.equal(job_name, 'tenfour');
    return static_configs.map(({ targets: [target], labels: { role } }) => {
      assert.equal(target, `${role}:9464`);
      return role;
    });
  });
  const roles = rolesOf(readCompose());
  assert.deepEqual(targets.toSorted(), roles.toSorted());
});

test('this check sees a wrong name, label, value, kind and legend', () => {
  const wrong = (expr: string, text = '') => wrongWith(expr, text).length;
  assert.equal(wrong('tenfour_no_such'), 1);
  assert.equal(wrong('tenfour_sessions{lane="x"}') > 0, true);
  assert.equal(wrong('sum(rate(tenfour_messages_total{outcome="vanished-somewhere"}[1m]))'), 1);
  assert.equal(wrong('rate(tenfour_sessions[1m])'), 1);
  assert.equal(wrong('tenfour_messages_total'), 1);
  assert.equal(wrong('sum by (topic) (tenfour_sessions)'), 1);
  assert.equal(wrong('sum by (line) (tenfour_sessions)', '{{lane}}'), 1);
  assert.throws(() => readExpression('sum(tenfour_sessions'));
  assert.throws(() => readExpression('wrong_function(tenfour_sessions)'));
});
