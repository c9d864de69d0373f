import type { Dialect } from './definitions.ts';
import { destinationKindOf } from './destinations.ts';
import type { Layers } from './layers.ts';
import type { NcicForm } from './ncic-form.ts';

/** `ncic` is there where the header has this form and nowhere else, and everything it names fits. */
export function checkNcic(dialect: Dialect, relayed: readonly (readonly string[])[], layers: Layers): void {
  const { header, ncic } = dialect;
  if ((header.form === 'ncic') !== (ncic !== undefined)) {
    throw layers.fault(
      ['dialect.json', '/ncic', 'must be there where /header/form is ncic, and nowhere else'],
      ['dialect.json', '/header/form', 'must be ncic where /ncic is there, and nowhere else'],
    );
  }
  if (ncic === undefined) return;
  if (relayed.length > 0) {
    throw layers.fault([
      'dialect.json',
      '/relayed',
      'is not for the form ncic: its responses look as /ncic says',
    ]);
  }
  if (dialect.unknownKeys !== undefined) {
    throw layers.fault(['dialect.json', '/unknownKeys', 'must be refuse: a key says where its messages go']);
  }
  checkLeads(ncic, layers);
  if (destinationKindOf(ncic.networkOri, dialect) !== 'ori') {
    throw layers.fault(
      ['dialect.json', '/ncic/networkOri', 'does not look like an ORI'],
      ['dialect.json', '/destinations/ori', 'is not the form of /ncic/networkOri'],
    );
  }
  checkOutput(dialect, ncic, layers);
  checkKeys(dialect, ncic, layers);
}

/** A station reads what we send it as the network's responses are read. */
function checkOutput({ output }: Dialect, { leads }: NcicForm, layers: Layers): void {
  const { form } = output;
  const isResponse =
    leads.output.some((lead) => form[0] === `${lead}{control}`) &&
    form[1] === '{destination}' &&
    form.length > 2 &&
    form.at(-1) === '';
  if (isResponse) return;
  throw layers.fault(
    [
      'dialect.json',
      '/output/form',
      'must begin with a lead of output and {control}, then {destination}, and end with an empty line',
    ],
    ['dialect.json', '/ncic/leads/output', 'holds no lead that /output/form begins with'],
  );
}

function checkLeads({ leads }: NcicForm, layers: Layers): void {
  const at = leads.output.findIndex((lead) => leads.input.includes(lead));
  if (at === -1) return;
  throw layers.fault(
    ['dialect.json', `/ncic/leads/output/${String(at)}`, 'is a lead of input too'],
    ['dialect.json', '/ncic/leads/input', 'holds a lead of output'],
  );
}

/** A response goes to the ORI it names. Everything else has no destination written, so its key must say where it goes. */
function checkKeys({ keys }: Dialect, { responses, otherKey }: NcicForm, layers: Layers): void {
  const named = [
    ...responses.map(
      ({ messageKey }, at) => [messageKey, `/ncic/responses/${String(at)}/messageKey`] as const,
    ),
    [otherKey, '/ncic/otherKey'] as const,
  ];
  for (const [messageKey, pointer] of named) {
    const key = keys.get(messageKey);
    if (key?.body === 'text' && key.destinations.kinds.has('ori')) continue;
    throw layers.fault(
      ['dialect.json', pointer, 'must be a key with a file, a text, and ori among its destinations'],
      [
        `message-keys/${messageKey}.json`,
        '',
        'is what a response is: it must have a text, and ori as destination',
      ],
    );
  }
  const ofResponses = new Set(named.map(([messageKey]) => messageKey));
  for (const { key, destinations } of keys.values()) {
    if (ofResponses.has(key) || destinations.implied.length > 0) continue;
    throw layers.fault([
      `message-keys/${key}.json`,
      '/destinations',
      'must be implied: in this form no destination is written',
    ]);
  }
}
