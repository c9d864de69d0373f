import { draw } from '../faults/faults.ts';
import type { Delivered } from '../wire/line-voice.ts';
import type { FileRecord, Records } from './records.ts';

/** An answer's key and body; `found` is false for NOT ON FILE. */
export type AnswerText = { readonly messageKey: string; readonly body: string; readonly found: boolean };

type Question = {
  readonly answer: string;
  readonly file: 'vehicles' | 'drivers';
  /** Fields that may identify a record, the first one asked counts. */
  readonly by: readonly string[];
};

const questions: Readonly<Record<string, Question>> = {
  RQ: { answer: 'RR', file: 'vehicles', by: ['LIC', 'VIN'] },
  // To a region; each of its members answers as to a question of its own (domain sheet 14, uncertain).
  RQG: { answer: 'RR', file: 'vehicles', by: ['LIC', 'VIN'] },
  DQ: { answer: 'DR', file: 'drivers', by: ['OLN', 'NAM'] },
};
/** Fields of a hit confirmation request that its response repeats. */
const repeated = ['RTY', 'RNO', 'OCA', 'NIC'];

/**
 * What a state's system would say, from invented records (domain sheet 3.5, E6 to E9 and E18). The same question always has the same
 * answer. Undefined for messages that ask nothing.
 */
export function answerTo({ messageKey, body }: Delivered, records: Records): AnswerText | undefined {
  const asked = fieldsOf(body);
  if (messageKey === 'YQ') return confirmation(asked, records);
  const question = questions[messageKey];
  if (question === undefined) return undefined;
  const by = question.by.find((code) => asked.has(code)) ?? '';
  const value = asked.get(by) ?? '';
  const record = recordFor(question, by, value, records);
  if (record === undefined)
    return { messageKey: question.answer, body: `NOT ON FILE ${by}/${value}`, found: false };
  const fields = Object.entries(record.fields).map(([code, held]) => `${code}/${asked.get(code) ?? held}`);
  return { messageKey: question.answer, body: [fields.join('.'), ...record.text].join('\r\n'), found: true };
}

function recordFor(question: Question, by: string, value: string, records: Records): FileRecord | undefined {
  const file = records[question.file];
  const known = file.find(({ fields }) => fields[by] === value);
  if (known !== undefined) return known;
  // No record is ever made up about what might be somebody's real plate or licence.
  if (value === '' || records.invented[by]?.test(value) !== true) return undefined;
  if (draw('on file', by, value) < records.notOnFilePercent / 100) return undefined;
  return file[Math.floor(draw('record', by, value) * file.length)];
}

function confirmation(asked: ReadonlyMap<string, string>, records: Records): AnswerText | undefined {
  const number = asked.get('NIC') ?? '';
  const { confirmations } = records;
  const record = confirmations[Math.floor(draw('confirmation', number) * confirmations.length)];
  if (record === undefined) return undefined;
  const fields = [
    ...repeated.map((code) => `${code}/${asked.get(code) ?? ''}`),
    ...Object.entries(record.fields).map(([code, held]) => `${code}/${held}`),
  ];
  return { messageKey: 'YR', body: fields.join('.'), found: true };
}

/** `LIC/ZZZ9999.LIY/2026`, where line ends and DEL may stand anywhere (domain sheet 3.1). */
function fieldsOf(body: string): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  for (const part of body.replaceAll(/[\r\n\x7f]/g, '').split('.')) {
    const [, code, value] = /^([A-Z]{3})\/(.*)$/.exec(part.trim()) ?? [];
    if (code !== undefined && value !== undefined) fields.set(code, value);
  }
  return fields;
}
